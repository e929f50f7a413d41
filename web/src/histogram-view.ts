/** Where the image's log-likelihood falls among those of the training's kind and of other digits. */
import * as Plot from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import { createFigure } from './figure.ts';
import { find } from './find.ts';
import { COLOURS, keyOf } from './keys.ts';
import { fixed } from './numbers.ts';
import { type References, shareBelow } from './reference-histogram.ts';

export interface HistogramView {
  readonly showReferences: (references: References) => void;
  /** Marks the log-likelihood of the image; undefined where there is none. */
  readonly mark: (importance: number | undefined) => void;
}

/** Bars over the whole range. */
const BINS = 36;

export function createHistogramView(): HistogramView {
  const figure = createFigure(find('#histogram', HTMLDivElement));
  const caption = find('#histogram-caption', HTMLParagraphElement);
  const progress = find('#reference-progress', HTMLProgressElement);
  let references: References | undefined;
  let marked: number | undefined;
  const draw = (): void => {
    if (!references) return;
    progress.value = references.done;
    progress.hidden = references.done === 1;
    const compared = [...references.own, ...references.others];
    if (compared.length === 0) {
      figure.clear();
      caption.replaceChildren();
      return;
    }
    const values = marked === undefined ? compared : [...compared, marked];
    const options = histogram(references, marked, values);
    figure.draw(options, describe(references, marked));
    caption.replaceChildren(...legend(references), describe(references, marked));
  };
  return {
    showReferences: (found) => {
      references = found;
      draw();
    },
    mark: (importance) => {
      marked = importance;
      draw();
    },
  };
}

function histogram(
  { own, others }: References,
  marked: number | undefined,
  values: readonly number[],
): (width: number) => PlotOptions {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = 0.03 * (high - low) + 0.5;
  const domain = [low - pad, high + pad] as const;
  const thresholds = Array.from(
    { length: BINS + 1 },
    (_, i) => domain[0] + (i * (domain[1] - domain[0])) / BINS,
  );
  const bars = (data: readonly number[], fill: string): Plot.Markish =>
    Plot.rectY(
      data,
      Plot.binX<Plot.RectYOptions>(
        { y: 'proportion' },
        { x: { value: Plot.identity, thresholds, domain: [...domain] }, fill, fillOpacity: 0.72, inset: 0.5 },
      ),
    );
  return (width) => ({
    height: 260,
    marginTop: 26,
    marginLeft: 40,
    marginRight: 12,
    marginBottom: 36,
    x: {
      domain,
      label: 'L_K, nats',
      ticks: Math.max(3, Math.floor(width / 90)),
      tickFormat: (x: number) => fixed(x, 0),
    },
    y: { label: null, ticks: 4, tickFormat: '%', grid: true },
    marks: [
      ...(others.length > 0 ? [bars(others, COLOURS.other)] : []),
      ...(own.length > 0 ? [bars(own, COLOURS.own)] : []),
      Plot.ruleY([0], { stroke: 'currentColor' }),
      ...(marked === undefined
        ? []
        : [
            Plot.ruleX([marked], { stroke: 'var(--ink)', strokeWidth: 2 }),
            Plot.text([marked], {
              x: Plot.identity,
              frameAnchor: 'top',
              dy: -16,
              text: () => 'this image',
              textAnchor: marked > (domain[0] + domain[1]) / 2 ? 'end' : 'start',
              fill: 'var(--ink)',
              fontWeight: 600,
            }),
          ]),
    ],
  });
}

function legend({ ownName, others }: References): Node[] {
  return [
    keyOf('own', ownName),
    ...(others.length > 0 ? [keyOf('other', 'other digits')] : []),
    document.createElement('br'),
  ];
}

function describe({ ownName, own, others }: References, marked: number | undefined): string {
  const percent = (values: readonly number[]): string =>
    `${Math.round(100 * shareBelow(values, marked as number))} %`;
  const sets = [
    ...(own.length > 0 ? [{ values: own, name: ownName }] : []),
    ...(others.length > 0 ? [{ values: others, name: 'other digits' }] : []),
  ];
  if (marked === undefined)
    return `Medians: ${sets.map(({ values, name }) => `${fixed(median(values), 1)} (${name})`).join(', ')}.`;
  return `This image scores above ${sets.map(({ values, name }) => `${percent(values)} of ${values.length} ${name}`).join(' and ')}.`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
