/** Training curves: values over generator iterations, one line per series. */
import type { TopLevelSpec } from 'vega-lite';
import { UserError } from '../gpu/errors.ts';
import { PLOT_SIZE, heading, hiddenNote, seriesScales, toSvg } from './figure.ts';
import { robustRange } from './range.ts';

export interface CurveSeries {
  /** Legend text. */
  readonly name: string;
  /** [iteration, value], iterations rising. A value that is not finite breaks the line. */
  readonly points: readonly (readonly [number, number])[];
}

export interface CurvesOptions {
  readonly series: readonly CurveSeries[];
  /** What is measured, with its unit. */
  readonly yTitle: string;
  /** Default none. */
  readonly title?: string;
  /** Default `generator iteration`. */
  readonly xTitle?: string;
}

/** A stretch of a curve: the mean of its finite values, null where it has none, and their extremes. */
export interface Stretch {
  readonly step: number;
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Points of a line in the figure; longer curves are drawn as means with a band from least to largest. */
const MOST_POINTS = 300;
/** Up to this many points are marked one by one. */
const FEW_POINTS = 25;

/** The curve in at most `most` stretches of as many points each; the last may hold fewer. */
export function stretches(points: CurveSeries['points'], most: number): Stretch[] {
  const length = Math.max(Math.ceil(points.length / most), 1);
  const result: Stretch[] = [];
  for (let start = 0; start < points.length; start += length) {
    const part = points.slice(start, start + length);
    const step = part.reduce((sum, [at]) => sum + at, 0) / part.length;
    const values = part.map(([, value]) => value).filter(Number.isFinite);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    result.push(
      values.length === 0
        ? { step, mean: null, low: null, high: null }
        : { step, mean, low: Math.min(...values), high: Math.max(...values) },
    );
  }
  return result;
}

/**
 * The figure as SVG. Its value axis leaves out far values and says how many.
 * @throws UserError for no series, too many, two of one name, and one without a finite value.
 */
export async function trainingCurves(options: CurvesOptions): Promise<string> {
  const { series, yTitle, xTitle = 'generator iteration' } = options;
  const scales = seriesScales(
    'curves',
    series.map(({ name }) => name),
  );
  const finite = series.map(({ points }) => points.map(([, value]) => value).filter(Number.isFinite));
  series.forEach(({ name, points }, i) => {
    if (finite[i]?.length === 0)
      throw new UserError(
        `curves: none of the ${points.length} points of '${name}' is finite; give at least one value`,
      );
  });
  const [low, high] = robustRange(finite);
  const domain: [number, number] = [low, high];
  const data = series.flatMap(({ name, points }) =>
    stretches(points, MOST_POINTS).map((stretch) => ({ series: name, ...stretch })),
  );
  const longest = Math.max(...series.map(({ points }) => points.length));
  const x = {
    field: 'step',
    type: 'quantitative',
    title: xTitle,
    axis: { grid: false },
    scale: { domain: stepRange(series), nice: false, zero: false },
  } as const;
  const y = {
    type: 'quantitative',
    title: yTitle,
    scale: { domain, nice: false, zero: false },
  } as const;
  const color = { field: 'series', type: 'nominal', scale: scales.color } as const;
  const values = finite.flat();
  const beyond = values.filter((value) => value < low || value > high).length;
  // Clipping would also halve the marks of points on the edge.
  const clip = beyond > 0;
  const total = series.reduce((sum, { points }) => sum + points.length, 0);
  const title = heading(options.title, [
    ...(longest > MOST_POINTS ? ['lines: means of neighbouring values; bands: least and largest'] : []),
    ...hiddenNote(beyond, total, 'beyond the axis'),
    ...hiddenNote(total - values.length, total, 'not finite'),
  ]);
  const spec: TopLevelSpec = {
    ...PLOT_SIZE,
    ...(title && { title }),
    data: { values: data },
    layer: [
      ...(longest > MOST_POINTS
        ? [
            {
              mark: { type: 'area', fillOpacity: 0.2, clip },
              encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' }, color },
            } as const,
          ]
        : []),
      {
        mark: { type: 'line', strokeWidth: 1.8, clip, point: longest <= FEW_POINTS },
        encoding: {
          x,
          y: { field: 'mean', ...y },
          color,
          strokeDash: { field: 'series', type: 'nominal', scale: scales.strokeDash },
        },
      },
    ],
  };
  return toSvg(spec);
}

/** From 0, or from the first iteration where the run was joined late. */
function stepRange(series: readonly CurveSeries[]): [number, number] {
  const steps = series.flatMap(({ points }) => points.map(([step]) => step));
  const first = steps.reduce((least, step) => Math.min(least, step));
  const last = steps.reduce((most, step) => Math.max(most, step));
  return [first < last / 4 ? Math.min(first, 0) : first, last > first ? last : first + 1];
}
