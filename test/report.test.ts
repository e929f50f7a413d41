/** Picture grids, PNG files and figures. */
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../src/cli/png.ts';
import { UserError } from '../src/gpu/errors.ts';
import { densityFigure } from '../src/report/density-figure.ts';
import { densityOf } from '../src/report/density.ts';
import { stretches, trainingCurves } from '../src/report/curves.ts';
import { type Picture, imageGrid } from '../src/report/grid.ts';
import { histogram, likelihoodHistogram } from '../src/report/histogram.ts';
import { decimalsFor, quantile, robustRange } from '../src/report/range.ts';
import { type SweepFigureOptions, sweepFigure } from '../src/report/sweep-figure.ts';
import { threefryNormals } from '../src/data/random.ts';

const pixel = ({ width, data }: Picture, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4),
];
const normals = (count: number, mean: number, spread: number, row: number): number[] =>
  Array.from(threefryNormals(count, [1, 2], row), (z) => mean + spread * z);
/** The texts of a figure, in order. */
const texts = (svg: string): string[] =>
  [...svg.matchAll(/>([^<>]+)<\/(?:text|tspan)>/g)].map((match) => match[1] as string);

describe('imageGrid', () => {
  it('puts image k in row ⌊k / columns⌋, with padding around', () => {
    const images = { data: Uint8Array.from([1, 2, 3, 4, 5, 6]), shape: [3, 1, 2, 1] };
    const grid = imageGrid(images, { columns: 2, padding: 1 });
    expect([grid.width, grid.height]).toEqual([7, 5]);
    const grey = pixel(grid, 0, 0);
    const greys = Array.from({ length: 5 }, (_, y) =>
      Array.from({ length: 7 }, (_, x) => pixel(grid, x, y)[0]),
    );
    const p = grey[0];
    expect(greys).toEqual([
      [p, p, p, p, p, p, p],
      [p, 1, 2, p, 3, 4, p],
      [p, p, p, p, p, p, p],
      [p, 5, 6, p, p, p, p],
      [p, p, p, p, p, p, p],
    ]);
    expect(pixel(grid, 4, 1)).toEqual([3, 3, 3, 255]);
  });

  it('takes colours and floats, clamped, and enlarges whole pixels', () => {
    const grid = imageGrid(
      { data: Float32Array.from([-1, 0.5, 2]), shape: [1, 1, 1, 3] },
      { padding: 0, zoom: 2 },
    );
    expect([grid.width, grid.height]).toEqual([2, 2]);
    for (const [x, y] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const)
      expect(pixel(grid, x, y)).toEqual([0, 128, 255, 255]);
  });

  it('is nearly square unless told', () => {
    const grid = imageGrid({ data: new Uint8Array(10), shape: [10, 1, 1, 1] }, { padding: 0 });
    expect([grid.width, grid.height]).toEqual([4, 3]);
  });

  it('says what does not fit', () => {
    expect(() => imageGrid({ data: new Uint8Array(4), shape: [4] })).toThrow('imageGrid: shape is [4]');
    expect(() => imageGrid({ data: new Uint8Array(8), shape: [1, 2, 2, 2] })).toThrow('with 1 or 3 channels');
    expect(() => imageGrid({ data: new Uint8Array(8), shape: [1, 2, 2, 1] })).toThrow(
      'data holds 8 values, shape [1, 2, 2, 1] takes 4',
    );
    expect(() => imageGrid({ data: new Uint8Array(4), shape: [1, 2, 2, 1] }, { columns: 0 })).toThrow(
      'columns is 0',
    );
  });
});

it('encodePng writes a file that decodes to the same pixels', () => {
  const grid = imageGrid({ data: Uint8Array.from({ length: 48 }, (_, i) => i * 5), shape: [4, 2, 2, 3] });
  const decoded = PNG.sync.read(Buffer.from(encodePng(grid)));
  expect([decoded.width, decoded.height]).toEqual([grid.width, grid.height]);
  expect(Uint8Array.from(decoded.data)).toEqual(grid.data);
});

describe('ranges', () => {
  it('quantiles are linear between values', () => {
    expect([0, 0.25, 0.5, 1].map((q) => quantile([1, 2, 3, 4], q))).toEqual([1, 1.75, 2.5, 4]);
    expect(quantile([7], 0.3)).toBe(7);
  });

  it('leave out far values, keep whole what has none, and keep second bumps', () => {
    const [low, high] = robustRange([[...normals(1000, 0, 1, 0), 1000, -5000]]);
    expect(low).toBeGreaterThan(-6);
    expect(high).toBeLessThan(6);
    const [least, most] = robustRange([normals(300, -50, 2, 1), normals(300, -100, 8, 2)]);
    expect(least).toBeLessThan(-115);
    expect(most).toBeGreaterThan(-46);
    const [, bump] = robustRange([[...normals(900, 0, 1, 3), ...normals(100, 15, 1, 4)]]);
    expect(bump).toBeGreaterThan(16);
  });

  it('have width where there is one value or none', () => {
    expect(robustRange([[5, 5, 5]])).toEqual([4.5, 5.5]);
    expect(robustRange([[]])).toEqual([0, 1]);
  });

  it('decimals suit the width', () => {
    expect([decimalsFor([-170, -30]), decimalsFor([0, 9]), decimalsFor([0, 5e4])]).toEqual([1, 3, 0]);
  });
});

describe('histogram', () => {
  it('is a density over shared bins: its area is the share of values within', () => {
    const values = [normals(500, -50, 3, 0), [...normals(800, -70, 6, 1), -9000, -8000]];
    const { edges, densities, outside } = histogram(values);
    expect(outside).toBe(2);
    const width = (edges[1] as number) - (edges[0] as number);
    densities.forEach((density, i) => {
      expect(density).toHaveLength(edges.length - 1);
      const area = density.reduce((sum, value) => sum + value * width, 0);
      expect(area).toBeCloseTo(i === 0 ? 1 : 800 / 802, 12);
    });
    // A bin's density, counted anew.
    const bin = 30;
    const inside = (values[0] ?? []).filter(
      (v) => v >= (edges[bin] as number) && v < (edges[bin + 1] as number),
    ).length;
    expect((densities[0] ?? [])[bin]).toBeCloseTo(inside / 500 / width, 12);
  });

  it('has 24 to 80 bins, also for one value', () => {
    expect(histogram([[3]]).edges).toHaveLength(81);
    expect(histogram([[0, 1]]).edges).toHaveLength(25);
  });
});

describe('likelihoodHistogram', () => {
  const ones = { name: 'mnist?labels=1&split=test', values: normals(200, -49, 2, 0) };
  const others = { name: 'svhn', values: [...normals(300, -105, 9, 1), -90_000] };

  it('names the axis, the series with their means, and what cannot be seen', async () => {
    const svg = await likelihoodHistogram({ series: [ones, others], title: 'Under a model of <1>' });
    expect(svg).toMatch(/^<svg[^>]*>.*<\/svg>$/s);
    const mean = (values: number[]): string =>
      (values.reduce((a, b) => a + b) / values.length).toFixed(2).replace('-', '−');
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'log-likelihood (nats)',
        'density',
        'Under a model of &lt;1&gt;',
        `mnist?labels=1&amp;split=test: mean ${mean(ones.values)}, 200 samples`,
        `svhn: mean ${mean(others.values)}, 301 samples`,
        'beyond the axis: 1 of 501 values',
      ]),
    );
    expect(svg).toContain('#0072b2');
    expect(svg).toContain('#d55e00');
  });

  it('is the same text for the same values', async () => {
    const options = { series: [ones, others] };
    expect(await likelihoodHistogram(options)).toBe(await likelihoodHistogram(options));
  });

  it.each([
    [[], 'histogram: 0 series; give 1 to 12'],
    [[{ name: 'a', values: [] }], "histogram: series 'a' is empty"],
    [[{ name: 'a', values: [1, Number.NaN] }], "histogram: value 1 of 'a' is NaN"],
    [
      [
        { name: 'a', values: [1] },
        { name: 'a', values: [1] },
      ],
      'two series are called',
    ],
  ])('refuses %j', async (series, message) => {
    await expect(likelihoodHistogram({ series })).rejects.toThrow(message);
    await expect(likelihoodHistogram({ series })).rejects.toBeInstanceOf(UserError);
  });
});

describe('densityOf', () => {
  const two = [...normals(400, -63, 8, 0), ...normals(100, -20, 1, 1)];

  it('is the mean of normal densities around the values, wider where they are few', () => {
    const values = [-1, 0.5, 4];
    const { at, bandwidth: h } = densityOf(values);
    const [s, iqr] = [Math.sqrt(((-13 / 6) ** 2 + (2 / 3) ** 2 + (17 / 6) ** 2) / 2), 2.5]; // quartiles -0.25 and 2.25
    expect(h).toBeCloseTo(0.9 * Math.min(s, iqr / 1.34) * 3 ** -0.2, 12);
    const phi = (z: number): number => Math.exp(-z * z * 0.5) / Math.sqrt(2 * Math.PI);
    const mean = (x: number, widths: readonly number[]): number =>
      values.reduce((sum, v, i) => sum + phi((x - v) / widths[i]!) / widths[i]!, 0) / 3;
    const pilot = values.map((v) => mean(v, [h, h, h]));
    const g = Math.cbrt(pilot[0]! * pilot[1]! * pilot[2]!);
    const widths = pilot.map((p) => h * (p / g) ** -0.5);
    const places = [-3, 0, 0.5, 2, 6];
    at(places).forEach((height, k) => expect(height).toBeCloseTo(mean(places[k]!, widths), 7));
  });

  it('has area 1, moves and stretches with the values, and keeps a second bump apart', () => {
    const { at, mode, bandwidth } = densityOf(two);
    const step = 0.05;
    const grid = Array.from({ length: 4000 }, (_, i) => -140 + step * i);
    const heights = at(grid);
    expect(heights.reduce((sum, height) => sum + step * height, 0)).toBeCloseTo(1, 4);
    expect(Math.abs(mode - -63)).toBeLessThan(2);
    const [first, gap, second] = at([-63, -35, -20]) as unknown as [number, number, number];
    expect(first).toBeGreaterThan(10 * gap);
    expect(second).toBeGreaterThan(10 * gap);
    const moved = densityOf(two.map((value) => 7 + 2 * value));
    expect(moved.bandwidth).toBeCloseTo(2 * bandwidth, 10);
    expect(moved.mode).toBeCloseTo(7 + 2 * mode, 8);
  });

  it('is a peak where all values are one, and is not widened by a far one', () => {
    expect(densityOf([-5, -5, -5]).mode).toBeCloseTo(-5, 12);
    expect(densityOf([-5]).at([-5])[0]).toBeGreaterThan(10);
    const far = densityOf([...normals(200, 0, 1, 0), -1e6]);
    expect(far.bandwidth).toBeLessThan(0.5);
    expect(Math.abs(far.mode)).toBeLessThan(0.5);
  });
});

describe('densityFigure', () => {
  const narrow = { name: 'ones', values: normals(500, -49, 2, 0) };
  const broad = { name: 'svhn', values: [...normals(300, -150, 30, 1), -90_000] };

  it('names the axis and the sets with their modes, and says what it leaves out and how heights are drawn', async () => {
    const mode = (values: number[]): string => densityOf(values).mode.toFixed(1).replace('-', '−');
    const options = { series: [narrow, broad], title: 'Scores', xTitle: 'L_K (nats)' };
    const svg = await densityFigure(options);
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'Scores',
        'L_K (nats)',
        'density (square-root scale)',
        `ones: mode ${mode(narrow.values)}, 500 images`,
        `svhn: mode ${mode(broad.values)}, 301 images`,
        'beyond the axis: 1 of 801 values',
      ]),
    );
    expect(await densityFigure(options)).toBe(svg);
    expect(texts(await densityFigure({ ...options, series: [narrow] }))).toContain('density');
  });

  it('refuses what cannot be drawn', async () => {
    for (const [values, message] of [
      [[], "'a' is empty"],
      [[1, Number.NaN], "'a' holds NaN at 1"],
    ] as const)
      await expect(densityFigure({ series: [{ name: 'a', values }], title: '', xTitle: '' })).rejects.toThrow(
        message,
      );
  });
});

describe('trainingCurves', () => {
  const points = normals(1000, 5, 1, 0).map((value, i): [number, number] => [10 * i, value]);

  it('names axes and series', async () => {
    const svg = await trainingCurves({
      series: [
        { name: 'mean D₁', points: points.slice(0, 10) },
        { name: 'mean D₂', points: points.slice(10, 20) },
      ],
      yTitle: 'critic value (units of the cost)',
      title: 'Critics',
    });
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'Critics',
        'generator iteration',
        'critic value (units of the cost)',
        'mean D₁',
        'mean D₂',
      ]),
    );
  });

  it('says what it leaves out and how long curves are drawn', async () => {
    const broken = points.map(([step, value], i): [number, number] => [
      step,
      i === 5 ? Number.NaN : i === 6 ? 1e9 : value,
    ]);
    const svg = await trainingCurves({ series: [{ name: 'J', points: broken }], yTitle: 'J' });
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'lines: means of neighbouring values; bands: least and largest',
        'beyond the axis: 1 of 1,000 values',
        'not finite: 1 of 1,000 values',
      ]),
    );
  });

  it('gives every figure ids of its own', async () => {
    const figure = (extra: number): Promise<string> =>
      trainingCurves({
        series: [{ name: 'J', points: [...points, [1e5, 1e9 + extra]] }],
        yTitle: `J${extra}`,
      });
    const ids = (svg: string): string[] =>
      [...svg.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1] as string);
    const [first, second] = [await figure(0), await figure(1)];
    expect(ids(first).length).toBeGreaterThan(0);
    expect(ids(first).filter((id) => ids(second).includes(id))).toEqual([]);
    for (const [, used] of first.matchAll(/url\(#([^)]+)\)/g)) expect(ids(first)).toContain(used);
  });

  it('stretches keep the mean and the extremes, and break at what is not finite', () => {
    const curve: [number, number][] = [
      [0, 1],
      [1, 3],
      [2, Number.NaN],
      [3, 5],
      [4, Number.NaN],
    ];
    expect(stretches(curve, 3)).toEqual([
      { step: 0.5, mean: 2, low: 1, high: 3 },
      { step: 2.5, mean: 5, low: 5, high: 5 },
      { step: 4, mean: null, low: null, high: null },
    ]);
    expect(stretches(curve, 5).map(({ mean }) => mean)).toEqual([1, 3, null, 5, null]);
  });

  it('refuses a series with nothing to show', async () => {
    const series = [{ name: 'J', points: [[0, Number.NaN]] as const }];
    await expect(trainingCurves({ series, yTitle: 'J' })).rejects.toThrow(
      "none of the 1 points of 'J' is finite",
    );
  });
});

describe('sweepFigure', () => {
  type Point = SweepFigureOptions['sets'][number]['sweep'][number];
  const point = (latents: number, value: number, half = 0.5): Point => ({
    latents,
    importance: { value, low: value - half, high: value + half },
    surrogate: { value: value - 1, low: value - 2, high: value },
  });
  const sweep = [point(100, -60), point(1000, -50), point(10_000, -48)];
  /** Where the circles of a figure are, in the order of its data: both curves of K after K. */
  const circles = (svg: string): [number, number][] =>
    [
      ...svg.matchAll(/aria-label="latents a sample[^"]*"[^>]*transform="translate\(([\d.]+),([\d.]+)\)"/g),
    ].map((match) => [Number(match[1]), Number(match[2])]);

  it('names axes, curves and sets, and marks each K on a logarithmic axis', async () => {
    const svg = await sweepFigure({
      sets: [
        { name: 'ones', sweep },
        { name: 'others', sweep: [point(100, -900), point(1000, -850), point(10_000, -849)] },
      ],
      title: 'Over K',
    });
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'Over K',
        'bands: 95 % intervals of the mean L_K',
        'latents a sample, K (logarithmic scale)',
        'mean (nats)',
        'L_K, importance-weighted',
        'S_K, surrogate',
        'ones',
        'others',
        '100',
        '1,000',
        '10,000',
      ]),
    );
    const at = circles(svg);
    expect(at).toHaveLength(12);
    const places = [...new Set(at.map(([x]) => x))].sort((a, b) => a - b);
    expect(places).toHaveLength(3);
    expect(places[1]! - places[0]!).toBeCloseTo(places[2]! - places[1]!, 6);
  });

  it('draws L_K above S_K, and without a band where there is no interval', async () => {
    const one = [point(10, -60, Number.NaN), point(20, -50, Number.NaN)];
    const svg = await sweepFigure({ sets: [{ name: 'one sample', sweep: one }] });
    expect(svg).not.toContain('NaN');
    const at = circles(svg);
    const heights = (x: number): number[] => at.filter((place) => place[0] === x).map(([, y]) => y);
    expect(at).toHaveLength(4);
    for (const x of new Set(at.map((place) => place[0]))) {
      const [importance, surrogate] = heights(x);
      expect(importance).toBeLessThan(surrogate!); // y grows downwards
    }
  });

  it('refuses what cannot be drawn', async () => {
    await expect(sweepFigure({ sets: [] })).rejects.toThrow('sweep: no data sets');
    await expect(sweepFigure({ sets: [{ name: 'a', sweep: [point(1, 2)] }] })).rejects.toThrow(
      "sweep: 'a' has 1 K to draw a curve over",
    );
    const twice = [
      { name: 'a', sweep },
      { name: 'a', sweep },
    ];
    await expect(sweepFigure({ sets: twice })).rejects.toThrow("two data sets are called 'a'");
  });
});
