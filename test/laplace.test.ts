/** Laplace proposals: the exact posterior of linear generators, the curvature through every kind of layer, what is read of images. */
import { expect, it } from 'vitest';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { dataset } from '../src/data/dataset.ts';
import { ResidentModel } from '../src/gan/resident-model.ts';
import type { Device } from '../src/gpu/device.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { laplaceProposals } from '../src/likelihood/laplace.ts';
import type { Model } from '../src/gan/model.ts';
import { architecture, networksOf } from '../src/nn/architectures.ts';
import { applyStack } from '../src/nn/layers.ts';
import { proposalWidth } from '../src/ops/gaussian-proposal.ts';
import { describeGpu } from './support/device.ts';
import { drawn, randomLinear, untrained } from './support/models.ts';
import { relativeError } from './support/oracle.ts';
import { randomOf } from './support/random.ts';

const unchecked = (): void => {};

/** x̂ and TTᵀ/τ² of proposal i. */
function unpacked(proposals: Float32Array, i: number, r: number, widening: number) {
  const width = proposalWidth(r);
  const one = proposals.subarray(i * width, (i + 1) * width);
  const factor = Matrix.zeros(r, r);
  let at = r;
  for (let a = 0; a < r; a++)
    for (let b = 0; b <= a; b++, at++) factor.set(a, b, (a === b ? Math.exp(one[at]!) : one[at]!) / widening);
  return { mode: Array.from(one.subarray(0, r)), covariance: factor.mmul(factor.transpose()) };
}

/** G of latents [k, r] in float32, batch norms frozen: [k, d]. */
async function generated(device: Device, model: Model, latents: Float32Array<ArrayBuffer>, r: number) {
  const { generator } = networksOf(model.configuration.settings.model);
  const inputs = {
    x: { data: latents, shape: [latents.length / r, r] },
    ...Object.fromEntries([...model.generator].map(([name, tensor]) => [`g.${name}`, tensor])),
    ...Object.fromEntries([...model.statistics].map(([name, tensor]) => [`s.${name}`, tensor])),
  };
  const { y } = await evaluate(device, inputs, (graph, tensors) => {
    const of = (prefix: string) =>
      new Map(
        Object.entries(tensors)
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, tensor]) => [name.slice(2), tensor]),
      );
    return {
      y: applyStack(graph, generator.stack, of('g.'), tensors.x, { by: 'statistics', statistics: of('s.') }),
    };
  });
  return y;
}

describeGpu('Laplace proposals', (device) => {
  it.each([
    { cost: 'half-squared', d: 6, r: 3, lambda: 0.5 },
    { cost: 'squared', d: 40, r: 24, lambda: 0.02 },
  ] as const)('are the posterior of a linear generator: $cost, r = $r', async ({ cost, d, r, lambda }) => {
    const { model, law } = randomLinear({ d, r, lambda, cost });
    const n = 7;
    const observations = drawn(law, n);
    using resident = new ResidentModel(device, model);
    const proposals = await laplaceProposals(
      device,
      resident,
      dataset({ data: observations, shape: [n, d] }),
      {
        cost,
        lambda,
        seed: 3,
        widening: 1.5,
        check: unchecked,
      },
    );
    const a = Matrix.from1DArray(d, r, law.generator);
    const precision = Matrix.eye(r).add(a.transpose().mmul(a).div(law.noise));
    const posterior = new CholeskyDecomposition(precision);
    for (let i = 0; i < n; i++) {
      const { mode, covariance } = unpacked(proposals, i, r, 1.5);
      const residual = Matrix.columnVector(
        Array.from({ length: d }, (_, p) => observations[i * d + p]! - law.bias[p]!),
      );
      const mean = posterior.solve(a.transpose().mmul(residual).div(law.noise)).to1DArray();
      const exact = posterior.solve(Matrix.eye(r));
      expect(relativeError(mode, mean)).toBeLessThan(2e-3);
      expect(relativeError(covariance.to1DArray(), exact.to1DArray())).toBeLessThan(1e-4);
    }
  });

  it('have the curvature of the generator at the mode, through batch norms, convolutions and smooth activations', async () => {
    const r = 3;
    const shape = [4, 4, 2];
    const made = architecture({
      sample: shape,
      latent: r,
      generator: [
        { kind: 'dense', units: 2 * 2 * 3, bias: false },
        { kind: 'batch-norm', activation: 'tanh' },
        { kind: 'reshape', shape: [2, 2, 3] },
        { kind: 'conv2d-transpose', filters: 3, kernel: 3, stride: 2, bias: false },
        { kind: 'batch-norm', activation: 'tanh' },
        { kind: 'conv2d', filters: 2, kernel: 3, stride: 1, activation: 'sigmoid' },
      ],
      critic: { trunk: [{ kind: 'dense', units: 4, activation: 'relu' }] },
    });
    const model = untrained(made, { cost: 'squared', lambda: 0.05, scale: 2 });
    const { normal } = randomOf(4);
    for (const [name, { data }] of model.statistics)
      data.forEach((_, i) => (data[i] = name.endsWith('mean') ? 0.3 * normal() : 0.5 + normal() ** 2));
    const n = 2;
    const truth = Float32Array.from({ length: n * r }, () => normal());
    const observations = await generated(device, model, truth, r);
    using resident = new ResidentModel(device, model);
    const proposals = await laplaceProposals(
      device,
      resident,
      dataset({ data: observations, shape: [n, ...shape] }),
      {
        cost: 'squared',
        lambda: 0.05,
        seed: 1,
        widening: 1,
        rounds: 0,
        check: unchecked,
      },
    );
    const d = 32;
    for (let i = 0; i < n; i++) {
      const { mode, covariance } = unpacked(proposals, i, r, 1);
      /** ∂G/∂x by central differences of two steps, extrapolated. */
      const steps = [0.1, 0.05];
      const moved = steps.flatMap((h) =>
        Array.from({ length: 2 * r }, (_, s) =>
          mode.map((x, j) => x + (j === s >> 1 ? (s % 2 === 0 ? h : -h) : 0)),
        ).flat(),
      );
      const y = await generated(device, model, Float32Array.from(moved), r);
      const difference = (step: number, j: number, p: number): number => {
        const at = (sign: number): number => y[((step * r + j) * 2 + sign) * d + p]!;
        return (at(0) - at(1)) / (2 * steps[step]!);
      };
      const jacobian = new Matrix(d, r);
      for (let p = 0; p < d; p++)
        for (let j = 0; j < r; j++) jacobian.set(p, j, (4 * difference(1, j, p) - difference(0, j, p)) / 3);
      const precision = Matrix.eye(r).add(
        jacobian
          .transpose()
          .mmul(jacobian)
          .mul(2 / 0.05),
      );
      expect(relativeError(covariance.mmul(precision).to1DArray(), Matrix.eye(r).to1DArray())).toBeLessThan(
        2e-3,
      );
    }
  });

  it('stop where they are told to', async () => {
    const { model, law } = randomLinear({ d: 4, r: 2, lambda: 1 });
    using resident = new ResidentModel(device, model);
    let left = 5;
    const run = laplaceProposals(device, resident, dataset({ data: drawn(law, 3), shape: [3, 4] }), {
      cost: 'half-squared',
      lambda: 1,
      seed: 1,
      check: () => {
        if (left-- === 0) throw new Error('stopped here');
      },
    });
    await expect(run).rejects.toThrow('stopped here');
  });
});
