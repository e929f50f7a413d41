/** Curves of a training run: the objective, and how near the coupling is to one. */
import * as Plot from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import type { TrainingReport } from '../../src/browser.ts';
import { type Figure, createFigure } from './figure.ts';
import { find } from './find.ts';
import { type Key, COLOURS, keyOf } from './keys.ts';
import { fixed } from './numbers.ts';

type Field = 'objective' | 'transportCost' | 'meanP' | 'maxRowError' | 'maxColError';

interface Curve {
  readonly title: string;
  readonly note: string;
  readonly lines: readonly { readonly field: Field; readonly name: string; readonly key: Key }[];
  /** Where it goes. */
  readonly goal?: number;
  /** Shown of the axis whatever the values are. */
  readonly atLeast?: readonly [number, number];
}

const CURVES: readonly Curve[] = [
  {
    title: 'Objective J',
    note: 'What the critics climb and the generator descends on.',
    lines: [{ field: 'objective', name: 'J', key: 'own' }],
  },
  {
    title: 'Transport cost',
    note: 'Mean cost between images and the samples they are coupled with.',
    lines: [{ field: 'transportCost', name: 'cost', key: 'own' }],
  },
  {
    title: 'Mean of the coupling, P',
    note: 'Must be 1; this form of the objective (logmeanexp) holds it there.',
    lines: [{ field: 'meanP', name: 'mean P', key: 'own' }],
    goal: 1,
    atLeast: [0.9, 1.1],
  },
  {
    title: 'Errors of its margins',
    note: 'Largest error of a row and of a column; 0 at the best.',
    lines: [
      { field: 'maxRowError', name: 'row', key: 'own' },
      { field: 'maxColError', name: 'column', key: 'other' },
    ],
    goal: 0,
  },
];

export interface TrainingCurves {
  /** Draws the curves of these reports, one at each frame, so that none is late. */
  readonly draw: (reports: readonly TrainingReport[]) => void;
}

export function createTrainingCurves(): TrainingCurves {
  const views = CURVES.map((curve) => ({ curve, ...curveCard(curve) }));
  find('#curves', HTMLDivElement).append(...views.map(({ card }) => card));
  let reports: readonly TrainingReport[] = [];
  let drawing = false;
  const drawFrom = (index: number): void => {
    const view = views[index];
    if (!view) {
      drawing = false;
      return;
    }
    drawCurve(view, reports);
    requestAnimationFrame(() => drawFrom(index + 1));
  };
  return {
    draw: (all) => {
      reports = all;
      if (drawing || all.length === 0) return;
      drawing = true;
      requestAnimationFrame(() => drawFrom(0));
    },
  };
}

interface CurveCard {
  readonly card: HTMLElement;
  readonly figure: Figure;
  readonly caption: HTMLElement;
}

function curveCard({ title, note }: Curve): CurveCard {
  const card = document.createElement('section');
  card.className = 'card';
  const heading = document.createElement('h2');
  heading.textContent = title;
  card.setAttribute('aria-label', title);
  const place = document.createElement('div');
  const caption = document.createElement('p');
  caption.className = 'caption';
  caption.textContent = note;
  card.append(heading, place, caption);
  return { card, figure: createFigure(place), caption };
}

function drawCurve(
  { curve, figure, caption }: CurveCard & { curve: Curve },
  reports: readonly TrainingReport[],
): void {
  const last = reports.at(-1) as TrainingReport;
  const now = curve.lines.map(({ field, name }) => `${name} ${fixed(last[field])}`).join(', ');
  figure.draw(curveOptions(curve, reports), `${curve.title} by step ${last.step}: ${now}. ${curve.note}`);
  const keys = curve.lines.length > 1 ? curve.lines.map(({ name, key }) => keyOf(key, name)) : [];
  caption.replaceChildren(
    ...keys,
    ...(keys.length > 0 ? [document.createElement('br')] : []),
    `${now}. ${curve.note}`,
  );
}

function curveOptions(
  { lines, goal, atLeast }: Curve,
  reports: readonly TrainingReport[],
): (width: number) => PlotOptions {
  return (width) => ({
    height: 150,
    marginTop: 10,
    marginLeft: 42,
    marginRight: 8,
    marginBottom: 32,
    x: {
      label: 'step',
      ticks: Math.max(2, Math.floor(width / 90)),
      tickFormat: 'd',
      domain: [0, reports.at(-1)?.step ?? 1],
    },
    y: {
      label: null,
      ticks: 4,
      grid: true,
      nice: true,
      tickFormat: (y: number) => String(y).replace('-', '−'),
    },
    marks: [
      ...(atLeast ? [Plot.ruleY([...atLeast], { stroke: 'none' })] : []),
      ...(goal === undefined ? [] : [Plot.ruleY([goal], { stroke: 'currentColor', strokeDasharray: '4 3' })]),
      ...lines.map(({ field, key }) =>
        Plot.lineY(reports, { x: 'step', y: field, stroke: COLOURS[key], strokeWidth: 1.8 }),
      ),
    ],
  });
}
