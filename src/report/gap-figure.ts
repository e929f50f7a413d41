/** Gaps by dimension, side by side: a group of bars for each d, one bar a series, with its interval where it has one. */
import type { TopLevelSpec } from 'vega-lite';
import { UserError } from '../gpu/errors.ts';
import { PLOT_SIZE, heading, seriesScales, toSvg } from './figure.ts';

export interface GapSeries {
  /** Legend text. */
  readonly name: string;
  /** Its gaps, in nats; a dimension may be missing. */
  readonly gaps: readonly {
    readonly dims: number;
    readonly value: number;
    readonly low?: number;
    readonly high?: number;
  }[];
}

export interface GapFigureOptions {
  readonly series: readonly GapSeries[];
  readonly title: string;
  /** Lines below the title. */
  readonly notes: readonly string[];
  /** What the gaps are, with the unit. */
  readonly yTitle: string;
}

/**
 * The figure as SVG.
 * @throws UserError for no series, too many, two of one name, and a value that is not finite.
 */
export async function gapFigure({ series, title, notes, yTitle }: GapFigureOptions): Promise<string> {
  const names = series.map(({ name }) => name);
  const scales = seriesScales('gaps', names);
  const values = series.flatMap(({ name, gaps }) => gaps.map((gap) => ({ series: name, ...gap })));
  const bad = values.find(({ value }) => !Number.isFinite(value));
  if (bad)
    throw new UserError(`gaps: '${bad.series}' is ${bad.value} at d = ${bad.dims}; give finite numbers`);
  const x = {
    field: 'dims',
    type: 'ordinal',
    title: 'dimensions d',
    axis: { labelAngle: 0, grid: false },
  } as const;
  const encoding = {
    x,
    xOffset: { field: 'series', type: 'nominal', scale: { domain: names } },
    color: {
      field: 'series',
      type: 'nominal',
      scale: scales.color,
      legend: { symbolType: 'square', symbolSize: 120 },
    },
  } as const;
  const spec: TopLevelSpec = {
    ...PLOT_SIZE,
    title: heading(title, notes) as { text: string },
    data: { values },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: { ...encoding, y: { field: 'value', type: 'quantitative', title: yTitle } },
      },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule', strokeWidth: 1.2 },
        encoding: {
          x,
          xOffset: encoding.xOffset,
          y: { field: 'low', type: 'quantitative' },
          y2: { field: 'high' },
        },
      },
    ],
  };
  return toSvg(spec);
}
