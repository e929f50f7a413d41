/** Mean likelihoods of data sets over the number of latents K: L_K with its 95 % interval, and S_K below it. */
import type { TopLevelSpec } from 'vega-lite';
import { UserError } from '../gpu/errors.ts';
import { PLOT_SIZE, heading, seriesScales, toSvg } from './figure.ts';
import type { SweepPoint } from './score-summary.ts';

export interface SweepFigureOptions {
  /** Of each data set, K rising. */
  readonly sets: readonly {
    readonly name: string;
    readonly sweep: readonly Pick<SweepPoint, 'latents' | 'importance' | 'surrogate'>[];
  }[];
  /** Default none. */
  readonly title?: string;
}

const DASHES = [
  [1, 0],
  [7, 3],
];
const SERIES = ['L_K, importance-weighted', 'S_K, surrogate'] as const;

/**
 * The figure as SVG: a panel for each data set with an axis of its own, since sets lie further apart than their curves rise.
 * @throws UserError for no data set, two of one name, and a single K.
 */
export async function sweepFigure({ sets, title }: SweepFigureOptions): Promise<string> {
  if (sets.length === 0) throw new UserError('sweep: no data sets; give one or more');
  const twice = sets.find(({ name }, i) => sets.findIndex((other) => other.name === name) !== i);
  if (twice) throw new UserError(`sweep: two data sets are called '${twice.name}'; give each once`);
  for (const { name, sweep } of sets)
    if (sweep.length < 2)
      throw new UserError(`sweep: '${name}' has ${sweep.length} K to draw a curve over; give two or more`);
  const scales = seriesScales('sweep', SERIES);
  const values = sets.flatMap(({ name, sweep }) =>
    sweep.flatMap(({ latents, importance, surrogate }) => [
      { set: name, latents, series: SERIES[0], mean: importance.value, ...ends(importance) },
      { set: name, latents, series: SERIES[1], mean: surrogate.value },
    ]),
  );
  const counts = [...new Set(values.map(({ latents }) => latents))].sort((a, b) => a - b);
  const domain: [number, number] = [counts[0] as number, counts.at(-1) as number];
  const x = {
    field: 'latents',
    type: 'quantitative',
    title: 'latents a sample, K (logarithmic scale)',
    scale: { type: 'log', domain, nice: false },
    axis: { grid: false, values: counts, format: ',d', labelOverlap: true },
  } as const;
  const y = { type: 'quantitative', title: 'mean (nats)', scale: { zero: false } } as const;
  const color = { field: 'series', type: 'nominal', scale: scales.color } as const;
  const top = heading(title, ['bands: 95 % intervals of the mean L_K']);
  const spec: TopLevelSpec = {
    ...(top && { title: top }),
    data: { values },
    facet: {
      row: {
        field: 'set',
        type: 'nominal',
        title: null,
        sort: sets.map(({ name }) => name),
        header: { labelAngle: 0, labelOrient: 'top', labelAnchor: 'start', labelLimit: PLOT_SIZE.width },
      },
    },
    resolve: { scale: { y: 'independent' } },
    spec: {
      ...PLOT_SIZE,
      height: sets.length === 1 ? PLOT_SIZE.height : PLOT_SIZE.height / 2,
      layer: [
        {
          transform: [{ filter: 'isValid(datum.low)' }],
          mark: { type: 'area', fillOpacity: 0.2 },
          encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' }, color },
        },
        {
          mark: { type: 'line', strokeWidth: 1.8, point: true },
          encoding: {
            x,
            y: { field: 'mean', ...y },
            color,
            // The curves all but meet where the surrogate is tight.
            strokeDash: { field: 'series', type: 'nominal', scale: { domain: [...SERIES], range: DASHES } },
          },
        },
      ],
    },
  };
  return toSvg(spec);
}

/** The ends of an interval, left out where it has none, as of a single sample. */
function ends({ low, high }: SweepPoint['importance']): { low?: number; high?: number } {
  return Number.isFinite(high - low) ? { low, high } : {};
}
