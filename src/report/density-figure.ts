/**
 * Distributions of several sets of scores in one figure: for each a histogram in bins of its own, faint, under its smooth
 * density (./density.ts), and a line at its mode. Sets may differ in spread by far, which shared bins could not show.
 */
import type { TopLevelSpec } from 'vega-lite';
import { UserError } from '../gpu/errors.ts';
import { densityOf } from './density.ts';
import { PLOT_SIZE, formatted, heading, hiddenNote, seriesScales, toSvg } from './figure.ts';
import { type LikelihoodSeries, histogram, outlineOf } from './histogram.ts';
import { decimalsFor, robustRange } from './range.ts';

export interface DensityFigureOptions {
  readonly series: readonly LikelihoodSeries[];
  readonly title: string;
  /** What is measured, with its unit. */
  readonly xTitle: string;
}

/** Steps of a smooth curve over the width of the figure. */
const CURVE_POINTS = 600;
/** Curves begin and end at this share of their peak. */
const LEAST_SEEN = 1e-4;
/** Where peaks differ by more, heights are drawn as square roots, so that the flattest is still seen. */
const MOST_CONTRAST = 6;

/**
 * The figure as SVG. Its axis leaves out far values and says how many.
 * @throws UserError for no series, too many, two of one name, an empty one, and a value that is not finite.
 */
export async function densityFigure({ series, title, xTitle }: DensityFigureOptions): Promise<string> {
  series.forEach(({ name, values }) => {
    const bad = Array.from(values).findIndex((value) => !Number.isFinite(value));
    if (values.length === 0 || bad >= 0)
      throw new UserError(
        `densities: '${name}' ${values.length === 0 ? 'is empty' : `holds ${values[bad]} at ${bad}`}; give one or more finite numbers`,
      );
  });
  const range = robustRange(series.map(({ values }) => values)) as [number, number];
  const decimals = decimalsFor(range);
  const densities = series.map(({ values }) => densityOf(values));
  const labels = series.map(
    ({ name, values }, i) =>
      `${name}: mode ${formatted((densities[i] as (typeof densities)[number]).mode, decimals)}, ${formatted(values.length, 0)} ${values.length === 1 ? 'image' : 'images'}`,
  );
  const scales = seriesScales('densities', labels);
  const places = Float64Array.from(
    { length: CURVE_POINTS + 1 },
    (_, k) => range[0] + (k / CURVE_POINTS) * (range[1] - range[0]),
  );
  const curves = densities.map(({ at }) => at(places));
  const peaks = curves.map((heights) => Math.max(...heights));
  const root = Math.max(...peaks) > MOST_CONTRAST * Math.min(...peaks);
  const inSeries = <T extends object>(i: number, points: readonly T[]): (T & { series: string })[] =>
    points.map((point) => ({ series: labels[i] as string, ...point }));
  const outlines = series.flatMap(({ values }, i) => {
    const { edges, densities: heights } = histogram([values]);
    return inSeries(i, outlineOf(edges, heights[0] as readonly number[])).filter(
      ({ edge }) => edge >= range[0] && edge <= range[1],
    );
  });
  const lines = curves.flatMap((heights, i) => {
    const seen = (peaks[i] as number) * LEAST_SEEN;
    const [first, last] = [
      heights.findIndex((height) => height > seen),
      heights.findLastIndex((height) => height > seen),
    ];
    const points = Array.from(places, (edge, k) => ({ edge, density: heights[k] as number }));
    return inSeries(i, points.slice(first, last + 1));
  });
  const modes = densities.flatMap(({ mode }, i) => inSeries(i, [{ mode }]));
  const all = series.flatMap(({ values }) => Array.from(values));
  const beyond = all.filter((value) => value < range[0] || value > range[1]).length;
  const x = { type: 'quantitative', scale: { domain: range, nice: false, zero: false } } as const;
  const encoding = {
    x: { field: 'edge', ...x, title: xTitle, axis: { grid: false } },
    y: {
      field: 'density',
      type: 'quantitative',
      stack: null,
      title: root ? 'density (square-root scale)' : 'density',
      scale: { type: root ? 'sqrt' : 'linear' },
    },
    color: { field: 'series', type: 'nominal', scale: scales.color },
  } as const;
  const spec: TopLevelSpec = {
    ...PLOT_SIZE,
    title: heading(title, [
      'curves: smooth densities; filled: histograms; dashed: modes of the curves',
      ...hiddenNote(beyond, all.length, 'beyond the axis'),
    ]) as { text: string },
    layer: [
      {
        data: { values: outlines },
        mark: { type: 'area', interpolate: 'step-after', fillOpacity: 0.2 },
        encoding,
      },
      {
        data: { values: lines },
        mark: { type: 'line', strokeWidth: 1.8 },
        encoding: {
          ...encoding,
          strokeDash: { field: 'series', type: 'nominal', scale: scales.strokeDash },
        },
      },
      {
        data: { values: modes.filter(({ mode }) => mode >= range[0] && mode <= range[1]) },
        mark: { type: 'rule', strokeDash: [3, 3], strokeWidth: 1.2 },
        encoding: { x: { field: 'mode', ...x }, color: encoding.color },
      },
    ],
  };
  return toSvg(spec);
}
