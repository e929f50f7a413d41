/**
 * Likelihoods of several data sets as overlaid histograms, as the paper's figures 3 and 4 show them:
 *   density of a bin = values in it / (all values of its series · width of the bin),   the same bins for every series.
 */
import type { TopLevelSpec } from 'vega-lite';
import { UserError } from '../gpu/errors.ts';
import { PLOT_SIZE, formatted, heading, hiddenNote, seriesScales, toSvg } from './figure.ts';
import { decimalsFor, quantile, robustRange } from './range.ts';

export interface LikelihoodSeries {
  /** Legend text: the data set. */
  readonly name: string;
  /** One per sample, nats; every one finite. */
  readonly values: ArrayLike<number>;
}

export interface HistogramOptions {
  readonly series: readonly LikelihoodSeries[];
  /** Default none. */
  readonly title?: string;
  /** What is measured, with its unit. Default `log-likelihood (nats)`. */
  readonly xTitle?: string;
}

/** Shared bins: `edges` [bins + 1] ascending, and the density of every series in each bin. */
export interface Histogram {
  readonly edges: readonly number[];
  readonly densities: readonly (readonly number[])[];
  /** Values of all series that lie outside the bins. */
  readonly outside: number;
}

const FEWEST_BINS = 24;
const MOST_BINS = 80;

/**
 * Bins over the range that `robustRange` gives, as wide as the narrowest series asks (Freedman & Diaconis 1981: twice
 * the interquartile range over the cube root of the count), 24 to 80 of them.
 */
export function histogram(series: readonly ArrayLike<number>[]): Histogram {
  const [low, high] = robustRange(series);
  const widths = series.map((values) => {
    const sorted = Float64Array.from(values).sort();
    return (2 * (quantile(sorted, 0.75) - quantile(sorted, 0.25))) / Math.cbrt(values.length);
  });
  const wanted = Math.ceil((high - low) / Math.max(Math.min(...widths), 1e-300));
  const bins = Math.min(Math.max(wanted, FEWEST_BINS), MOST_BINS);
  const width = (high - low) / bins;
  let outside = 0;
  const densities = series.map((values) => {
    const counts = Array.from({ length: bins }, () => 0);
    for (let i = 0; i < values.length; i++) {
      const bin = Math.floor(((values[i] as number) - low) / width);
      if (bin < 0 || bin >= bins) outside++;
      else counts[bin] = (counts[bin] as number) + 1;
    }
    return counts.map((count) => count / (values.length * width));
  });
  return { edges: Array.from({ length: bins + 1 }, (_, i) => low + i * width), densities, outside };
}

/**
 * The figure as SVG: one filled outline per series, a dashed line at its mean, and the mean and count in the legend.
 * @throws UserError for no series, too many, two of one name, an empty one, and a value that is not finite.
 */
export async function likelihoodHistogram(options: HistogramOptions): Promise<string> {
  const { series, xTitle = 'log-likelihood (nats)' } = options;
  series.forEach(({ name, values }) => {
    if (values.length === 0)
      throw new UserError(`histogram: series '${name}' is empty; give at least one value`);
    const bad = Array.from(values).findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new UserError(
        `histogram: value ${bad} of '${name}' is ${values[bad]}; leave out what is not a finite number`,
      );
  });
  const { edges, densities, outside } = histogram(series.map(({ values }) => values));
  const range: [number, number] = [edges[0] as number, edges.at(-1) as number];
  const decimals = decimalsFor(range);
  const means = series.map(
    ({ values }) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length,
  );
  const total = series.reduce((sum, { values }) => sum + values.length, 0);
  const labels = series.map(
    ({ name, values }, i) =>
      `${name}: mean ${formatted(means[i] as number, decimals)}, ${formatted(values.length, 0)} ${values.length === 1 ? 'sample' : 'samples'}`,
  );
  const scales = seriesScales('histogram', labels);
  const outlines = densities.flatMap((density, i) =>
    outlineOf(edges, density).map((point) => ({ series: labels[i], ...point })),
  );
  const rules = means
    .map((mean, i) => ({ series: labels[i], mean }))
    .filter(({ mean }) => mean >= range[0] && mean <= range[1]);
  const title = heading(options.title, [
    'dashed vertical lines: means',
    ...hiddenNote(outside, total, 'beyond the axis'),
  ]);
  const x = { type: 'quantitative', scale: { domain: range, nice: false, zero: false } } as const;
  const outline = {
    x: { field: 'edge', ...x, title: xTitle, axis: { grid: false } },
    y: { field: 'density', type: 'quantitative', stack: null, title: 'density' },
    color: { field: 'series', type: 'nominal', scale: scales.color },
  } as const;
  const spec: TopLevelSpec = {
    ...PLOT_SIZE,
    ...(title && { title }),
    layer: [
      {
        data: { values: outlines },
        mark: { type: 'area', interpolate: 'step-after', fillOpacity: 0.22 },
        encoding: outline,
      },
      {
        data: { values: outlines },
        mark: { type: 'line', interpolate: 'step-after', strokeWidth: 1.8 },
        encoding: { ...outline, strokeDash: { field: 'series', type: 'nominal', scale: scales.strokeDash } },
      },
      {
        data: { values: rules },
        mark: { type: 'rule', strokeDash: [3, 3], strokeWidth: 1.8 },
        encoding: { x: { field: 'mean', ...x }, color: outline.color },
      },
    ],
  };
  return toSvg(spec);
}

/** The steps of one series from its first to its last bin that holds anything, closed at both ends. */
export function outlineOf(
  edges: readonly number[],
  density: readonly number[],
): { edge: number; density: number }[] {
  const first = density.findIndex((value) => value > 0);
  const last = density.findLastIndex((value) => value > 0);
  if (first < 0) return [];
  const end = edges[last + 1] as number;
  return [
    { edge: edges[first] as number, density: 0 },
    ...density
      .slice(first, last + 1)
      .map((value, i) => ({ edge: edges[first + i] as number, density: value })),
    { edge: end, density: density[last] as number },
    { edge: end, density: 0 },
  ];
}
