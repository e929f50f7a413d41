/** S_K = log C + distance + latent + coupling entropy, as bars of which each begins where the last one ends. */
import * as Plot from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import type { Scores } from '../../src/browser.ts';
import { createFigure } from './figure.ts';
import { find } from './find.ts';
import { fixed } from './numbers.ts';

export interface ComponentsView {
  readonly show: (scores: Scores, index: number) => void;
  readonly clear: () => void;
}

interface Bar {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly fill: string;
}

/** Where log C is so many times as long as all else, its bar is cut off, or nothing else could be seen. */
const CUT_OFF = 3;

export function createComponentsView(): ComponentsView {
  const figure = createFigure(find('#components', HTMLDivElement));
  const caption = find('#components-caption', HTMLParagraphElement);
  return {
    clear: () => {
      figure.clear();
      caption.textContent = 'Shown once there is an image.';
    },
    show: (scores, index) => {
      const parts = partsOf(scores, index);
      const surrogate = scores.surrogate[index] as number;
      const sum = parts.map(({ name, value }) => `${name} ${fixed(value)}`).join(', ');
      const { options, isCut } = waterfall(parts, surrogate);
      figure.draw(options, `${sum}: together S_K ${fixed(surrogate)} nats`);
      caption.textContent =
        (isCut ? 'The bars of log C and S_K begin at 0, far off the scale. ' : '') +
        'log C: constant of the noise. Distance: how far the samples are. Latent: how usual their latents. Entropy: how many share.';
    },
  };
}

function partsOf({ logC, components }: Scores, index: number): { name: string; value: number }[] {
  return [
    { name: 'log C', value: logC },
    { name: 'distance', value: components.distance[index] as number },
    { name: 'latent', value: components.latent[index] as number },
    { name: 'entropy', value: components.couplingEntropy[index] as number },
  ];
}

function waterfall(
  parts: readonly { name: string; value: number }[],
  surrogate: number,
): { options: (width: number) => PlotOptions; isCut: boolean } {
  let end = 0;
  const corners = parts.map(({ value }) => (end += value));
  const [low, high] = [Math.min(...corners), Math.max(...corners)];
  const first = corners[0] as number;
  const isCut = Math.abs(first) > CUT_OFF * (high - low);
  const pad = 0.12 * (high - low || 1);
  // What is cut off comes in from the side on which 0 lies.
  const edge = isCut ? (first < 0 ? high + 2 * pad : low - 2 * pad) : 0;
  const domain = isCut
    ? first < 0
      ? [low - pad, edge]
      : [edge, high + pad]
    : [Math.min(low, 0) - pad, Math.max(high, 0) + pad];
  const bars: Bar[] = [
    ...parts.map(({ name, value }, i) => ({
      label: `${name}  ${fixed(value)}`,
      from: i === 0 ? edge : (corners[i - 1] as number),
      to: corners[i] as number,
      fill: i === 0 ? 'var(--muted)' : value < 0 ? 'var(--other)' : 'var(--accent)',
    })),
    { label: `= S_K  ${fixed(surrogate)}`, from: edge, to: surrogate, fill: 'var(--ink)' },
  ];
  const labels = bars.map(({ label }) => label);
  const cut = isCut ? [bars[0], bars.at(-1)] : [];
  return {
    isCut,
    options: (width) => ({
      height: 260,
      marginTop: 6,
      marginLeft: 122,
      marginRight: 14,
      marginBottom: 36,
      x: {
        domain,
        label: 'nats',
        ticks: Math.max(2, Math.floor(width / 110)),
        tickFormat: (x: number) => fixed(x, high - low < 4 ? 1 : 0),
        grid: true,
      },
      y: { domain: labels, label: null, tickSize: 0, padding: 0.35 },
      marks: [
        Plot.link(bars.slice(0, -1), {
          x: 'to',
          y1: 'label',
          y2: (_: Bar, i: number) => labels[i + 1],
          stroke: 'currentColor',
          strokeDasharray: '2 3',
        }),
        Plot.barX(bars, { y: 'label', x1: 'from', x2: 'to', fill: 'fill' }),
        Plot.text(cut, {
          y: 'label',
          x: () => edge,
          dx: first < 0 ? -12 : 12,
          text: () => '╱╱',
          fill: 'var(--surface)',
          fontWeight: 900,
        }),
      ],
    }),
  };
}
