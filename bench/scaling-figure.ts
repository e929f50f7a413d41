/** Cost over size, both logarithmic: a line for each sweep, its slope in the legend. */
import type { TopLevelSpec } from 'vega-lite';
import { PLOT_SIZE, heading, seriesScales, toSvg } from '../src/report/figure.ts';
import type { TimedSweep } from './run-sweep.ts';
import { AXES, type FigureName } from './sweeps.ts';

/** The sweeps of one figure as SVG. */
export function scalingFigure(
  figure: FigureName,
  sweeps: readonly TimedSweep[],
  title: string,
): Promise<string> {
  const named = sweeps.map(({ name, slope, points }) => ({
    series: `${name}: slope ${slope.toFixed(2)}`,
    points,
  }));
  const scales = seriesScales(
    figure,
    named.map(({ series }) => series),
  );
  const top = heading(title, []);
  const values = named.flatMap(({ series, points }) => points.map(({ x, ms }) => ({ series, x, ms })));
  const axis = (field: string, title: string) =>
    ({
      field,
      type: 'quantitative',
      title,
      scale: { type: 'log', nice: true },
      axis: { format: '~s', labelOverlap: true },
    }) as const;
  const spec: TopLevelSpec = {
    ...PLOT_SIZE,
    ...(top && { title: top }),
    data: { values },
    mark: { type: 'line', point: true, strokeWidth: 1.8 },
    encoding: {
      x: axis('x', AXES[figure]),
      y: axis('ms', 'milliseconds'),
      color: { field: 'series', type: 'nominal', scale: scales.color },
      strokeDash: { field: 'series', type: 'nominal', scale: scales.strokeDash },
    },
  };
  return toSvg(spec);
}
