/**
 * Is the mathematics right? The twins' gradients against central differences in float64, to 1e-8 of the largest; the
 * kernels are held against the twins in kernels.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { ACTIVATIONS, type ActivationKind } from '../src/ops/activation-kinds.ts';
import { LIKELIHOOD_COSTS } from '../src/ops/log-likelihood.ts';
import { OBJECTIVE_COSTS, OBJECTIVE_FORMS } from '../src/ops/entropic-objective.ts';
import { activate, activationCurvature, activationDerivative } from './reference/activation.ts';
import { add } from './reference/add.ts';
import {
  type Normalisation,
  type Statistics,
  batchNorm,
  batchNormGradients,
  batchStatistics,
} from './reference/batch-norm.ts';
import { crop, cropGradient } from './reference/crop.ts';
import { type Pairs, entropicObjective, entropicObjectiveGradient } from './reference/entropic-objective.ts';
import { gaussianProposal, gaussianProposalGradient } from './reference/gaussian-proposal.ts';
import { gradientPenalty } from './reference/gradient-penalty.ts';
import { type Product, matmul, matmulGradients } from './reference/matmul.ts';
import { normaliseRows, normaliseRowsGradient } from './reference/normalise-rows.ts';
import { reduceColumns, reduceRows, spread } from './reference/reduce.ts';
import { rowCost, rowCostGradient } from './reference/row-cost.ts';
import { rowDot, rowDotGradients } from './reference/row-dot.ts';
import { maxError, relativeError } from './support/oracle.ts';
import { randomOf } from './support/random.ts';

const exactly = (x: number): number => x;

/** ∂f/∂x by central differences of fourth order: error about h⁴, and 1e-16/h from rounding. */
function differences(x: Float64Array, f: (x: Float64Array) => number, h = 1e-3): Float64Array {
  return x.map((value, i) => {
    const at = (step: number): number => f(x.with(i, value + step));
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  });
}

function values(count: number, seed: number): Float64Array {
  const { normal } = randomOf(seed);
  return Float64Array.from({ length: count }, normal);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

const TRANSPOSES = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => ({ transposeA, transposeB })),
);

describe('matmul', () => {
  const choices = TRANSPOSES.flatMap((transposes) =>
    ACTIVATIONS.map((activation) => ({ ...transposes, activation })),
  );
  it.each(choices)('transposes $transposeA $transposeB, $activation', (choice) => {
    const [m, n, k] = [4, 3, 5];
    const a = values(m * k, 1);
    const b = values(k * n, 2);
    const bias = values(n, 3);
    const upstream = values(m * n, 4);
    const product: Product = { m, n, k, a, b, bias, slope: 0.3, ...choice };
    const loss = (change: Partial<Product>): number =>
      dot(upstream, matmul({ ...product, ...change }, exactly));
    const gradients = matmulGradients(product, matmul(product, exactly), upstream, exactly);
    expect(
      relativeError(
        differences(a, (x) => loss({ a: x })),
        gradients.a,
      ),
    ).toBeLessThan(1e-8);
    expect(
      relativeError(
        differences(b, (x) => loss({ b: x })),
        gradients.b,
      ),
    ).toBeLessThan(1e-8);
    expect(
      relativeError(
        differences(bias, (x) => loss({ bias: x })),
        gradients.bias,
      ),
    ).toBeLessThan(1e-8);
  });
});

describe('activations', () => {
  it.each(ACTIVATIONS)('%s', (kind: ActivationKind) => {
    const x = Float64Array.of(-7, -3, -1.3, -0.4, -0.05, 0.05, 0.4, 1.3, 3, 7);
    const f = (value: number): number => activate(kind, value, 0.3, exactly);
    const gradient = x.map((value) => activationDerivative(kind, f(value), 0.3, exactly));
    expect(
      relativeError(
        differences(x, (at) => at.reduce((sum, v) => sum + f(v), 0)),
        gradient,
      ),
    ).toBeLessThan(1e-8);
    const y = x.map(f).filter((value) => Math.abs(value) > 0.01); // clear of the kinks
    const ofY = y.map((value) => activationCurvature(kind, value, exactly));
    const found = differences(y, (at) =>
      at.reduce((sum, v) => sum + activationDerivative(kind, v, 0.3, exactly), 0),
    );
    expect(maxError(found, ofY)).toBeLessThan(1e-8);
  });
});

it('add', () => {
  const [a, b, upstream] = [values(6, 5), values(6, 6), values(6, 7)];
  expect(
    relativeError(
      differences(a, (x) => dot(upstream, add(x, b, exactly))),
      upstream,
    ),
  ).toBeLessThan(1e-8);
  expect(
    relativeError(
      differences(b, (x) => dot(upstream, add(a, x, exactly))),
      upstream,
    ),
  ).toBeLessThan(1e-8);
});

describe('batch normalisation', () => {
  const choices = ACTIVATIONS.flatMap((activation) =>
    [false, true].map((frozen) => ({ activation, frozen })),
  );
  it.each(choices)('$activation, frozen $frozen', ({ activation, frozen }) => {
    const [rows, channels] = [7, 3];
    const x = values(rows * channels, 15).map((value, i) => value + 5 * (i % channels));
    const [gamma, beta, upstream] = [values(channels, 16), values(channels, 17), values(x.length, 18)];
    const given = { mean: values(channels, 19), variance: values(channels, 20).map((v) => v * v + 0.5) };
    const all: Normalisation = { rows, channels, x, gamma, beta, activation, slope: 0.3 };
    const statisticsOf = (of: Normalisation): Statistics => (frozen ? given : batchStatistics(of, exactly));
    const loss = (change: Partial<Normalisation>): number => {
      const changed = { ...all, ...change };
      return dot(upstream, batchNorm(changed, statisticsOf(changed), exactly));
    };
    const statistics = statisticsOf(all);
    const y = batchNorm(all, statistics, exactly);
    const gradients = batchNormGradients(all, statistics, y, upstream, frozen, exactly);
    for (const name of ['x', 'gamma', 'beta'] as const) {
      const found = differences(all[name] as Float64Array, (at) => loss({ [name]: at }), 2e-4);
      expect(relativeError(found, gradients[name]), name).toBeLessThan(1e-8);
    }
  });
});

it('crop', () => {
  const shape = { height: 3, width: 4, channels: 2, toHeight: 2, toWidth: 3 };
  const [x, upstream, again] = [values(2 * 24, 21), values(2 * 12, 22), values(2 * 24, 23)];
  const gradient = cropGradient(upstream, shape);
  expect(
    relativeError(
      differences(x, (at) => dot(upstream, crop(at, shape))),
      gradient,
    ),
  ).toBeLessThan(1e-8);
  expect(
    relativeError(
      differences(upstream, (at) => dot(again, cropGradient(at, shape))),
      crop(again, shape),
    ),
  ).toBeLessThan(1e-8);
});

describe('reductions', () => {
  const [rows, columns] = [4, 3];
  it.each(
    (['rows', 'columns'] as const).flatMap((of) => (['sum', 'mean'] as const).map((kind) => ({ of, kind }))),
  )('$kind of $of', ({ of, kind }) => {
    const x = values(rows * columns, 8);
    const g = values(of === 'rows' ? rows : columns, 9);
    const reduce = of === 'rows' ? reduceRows : reduceColumns;
    const loss = (at: Float64Array): number => dot(g, reduce({ rows, columns, x: at }, kind, exactly));
    const gradient = spread({ rows, columns }, g, of, kind, exactly);
    expect(relativeError(differences(x, loss), gradient)).toBeLessThan(1e-8);
    const h = values(rows * columns, 10);
    const again = reduce({ rows, columns, x: h }, kind, exactly);
    const lossOfG = (at: Float64Array): number => dot(h, spread({ rows, columns }, at, of, kind, exactly));
    expect(relativeError(differences(g, lossOfG), again)).toBeLessThan(1e-8);
  });
});

it('gradient penalty', () => {
  const [rows, columns, scale] = [4, 3, 0.7];
  const g = values(rows * columns, 11);
  const loss = (at: Float64Array): number =>
    scale * gradientPenalty(rows, columns, at, scale, exactly).values.reduce((sum, value) => sum + value);
  const { gradient } = gradientPenalty(rows, columns, g, scale, exactly);
  expect(relativeError(differences(g, loss), gradient)).toBeLessThan(1e-8);
});

it('normalised rows', () => {
  const [rows, columns] = [4, 3];
  const x = values(rows * columns, 12);
  const g = values(rows * columns, 13);
  const loss = (at: Float64Array): number => dot(g, normaliseRows(rows, columns, at, exactly).unit);
  const gradient = normaliseRowsGradient(g, normaliseRows(rows, columns, x, exactly), exactly);
  expect(relativeError(differences(x, loss), gradient)).toBeLessThan(1e-8);
});

describe('row cost', () => {
  it.each(LIKELIHOOD_COSTS)('%s', (cost) => {
    const sizes = { rows: 4, columns: 3, group: 2, cost };
    const y = values(6, 14);
    const g = values(12, 15);
    const upstream = values(4, 16);
    const loss = (at: Float64Array): number => dot(upstream, rowCost(sizes, y, at, exactly));
    expect(relativeError(differences(g, loss), rowCostGradient(sizes, y, g, upstream, exactly))).toBeLessThan(
      1e-8,
    );
  });
});

it('gaussian proposal', () => {
  const sizes = { n: 2, group: 3, r: 3 };
  const proposals = values(2 * 9, 17);
  const noise = values(2 * 3 * 3, 18);
  const dx = values(2 * 3 * 3, 19);
  const dq = values(2 * 3, 20);
  const loss = (at: Float64Array): number => {
    const { latents, logQ } = gaussianProposal(sizes, at, noise, exactly);
    return dot(dx, latents) + dot(dq, logQ);
  };
  const gradient = gaussianProposalGradient(sizes, proposals, noise, dx, dq, exactly);
  expect(relativeError(differences(proposals, loss), gradient)).toBeLessThan(1e-8);
});

describe('entropic objective', () => {
  const choices = OBJECTIVE_COSTS.flatMap((cost) => OBJECTIVE_FORMS.map((form) => ({ cost, form })));
  it.each(choices)('$cost, $form', (choice) => {
    const [n, m, d] = [5, 4, 3];
    const real = values(n * d, 11);
    const fake = values(m * d, 12);
    const criticReal = values(n, 13).map((x) => x + 4); // the hinge has pairs on both sides of 0
    const criticFake = values(m, 14);
    const pairs: Pairs = { n, m, d, real, fake, criticReal, criticFake, lambda: 3, ...choice };
    const loss = (change: Partial<Pairs>): number =>
      entropicObjective({ ...pairs, ...change }, exactly).objective;
    const { p, gradCriticReal, gradCriticFake } = entropicObjective(pairs, exactly);
    const gradFake = entropicObjectiveGradient(pairs, p, exactly);
    if (choice.form === 'hinge') {
      expect(p.some((x) => x === 0)).toBe(true);
      expect(p.some((x) => x > 0)).toBe(true);
    }
    const h = 2e-4; // no pair crosses a kink within 2h
    expect(
      relativeError(
        differences(criticReal, (x) => loss({ criticReal: x }), h),
        gradCriticReal,
      ),
    ).toBeLessThan(1e-8);
    expect(
      relativeError(
        differences(criticFake, (x) => loss({ criticFake: x }), h),
        gradCriticFake,
      ),
    ).toBeLessThan(1e-8);
    expect(
      relativeError(
        differences(fake, (x) => loss({ fake: x }), h),
        gradFake,
      ),
    ).toBeLessThan(1e-8);
  });
});

it('row dot', () => {
  const [rows, columns] = [4, 3];
  const [a, b, g] = [values(rows * columns, 24), values(rows * columns, 25), values(rows, 26)];
  const loss = (at: { a?: Float64Array; b?: Float64Array; bias?: Float64Array }): number =>
    dot(g, rowDot(rows, at.a ?? a, at.b ?? b, at.bias?.[0] ?? 0.3, exactly));
  const gradients = rowDotGradients(g, { a, b }, exactly);
  expect(
    relativeError(
      differences(a, (x) => loss({ a: x })),
      gradients.a,
    ),
  ).toBeLessThan(1e-8);
  expect(
    relativeError(
      differences(b, (x) => loss({ b: x })),
      gradients.b,
    ),
  ).toBeLessThan(1e-8);
  expect(
    relativeError(
      differences(Float64Array.of(0.3), (x) => loss({ bias: x })),
      [gradients.bias],
    ),
  ).toBeLessThan(1e-8);
});
