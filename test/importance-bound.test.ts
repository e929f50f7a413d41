/**
 * Is the estimator right? In float64: the weights are the bound's derivatives; the doubly reparameterised gradient has the
 * expectation of the plain one, which is the gradient of the bound; and it is 0, draw by draw, where the proposal is the posterior.
 */
import { expect, it } from 'vitest';
import { threefryNormals } from '../src/data/random.ts';
import { proposalWidth } from '../src/ops/gaussian-proposal.ts';
import { gaussianProposal, gaussianProposalGradient } from './reference/gaussian-proposal.ts';
import { importanceBoundGradients, importanceBounds } from './reference/importance-bound.ts';
import type { Round } from './support/case.ts';

const exactly: Round = (x) => x;
const R = 2;
const LAMBDA = 0.7;

/** x ~ N(0, I), y = A x + noise of variance λ: l = ½‖y − A x‖². */
const A = [
  [1.3, -0.4],
  [0.2, 0.9],
  [-0.7, 0.5],
];
const Y = [0.8, -1.1, 0.4];

function costOf(x: ArrayLike<number>): { cost: number; slope: number[] } {
  const residual = A.map((row, p) => row[0]! * x[0]! + row[1]! * x[1]! - Y[p]!);
  return {
    cost: 0.5 * residual.reduce((sum, e) => sum + e * e, 0),
    slope: [0, 1].map((i) => residual.reduce((sum, e, p) => sum + e * A[p]![i]!, 0)),
  };
}

/** The two gradients of −bound with respect to a proposal, from K latents. */
function gradientsOf(
  proposal: Float64Array,
  noise: Float64Array,
): { doubly: Float64Array; plain: Float64Array } {
  const group = noise.length / R;
  const sizes = { n: 1, group, r: R };
  const { latents, logQ } = gaussianProposal(sizes, proposal, noise, exactly);
  const at = Array.from({ length: group }, (_, k) => costOf(latents.subarray(k * R, k * R + R)));
  const bounds = { ...sizes, lambda: LAMBDA, cost: at.map(({ cost }) => cost), latents, logQ };
  const { weights } = importanceBounds(bounds, exactly);
  const direct = importanceBoundGradients(bounds, proposal, noise, exactly);
  const doubly = direct.latents.map(
    (g, e) => g + direct.cost[Math.floor(e / R)]! * at[Math.floor(e / R)]!.slope[e % R]!,
  );
  const plain = latents.map(
    (x, e) => weights[Math.floor(e / R)]! * (at[Math.floor(e / R)]!.slope[e % R]! / LAMBDA + x),
  );
  const none = new Float64Array(group);
  return {
    doubly: gaussianProposalGradient(sizes, proposal, noise, doubly, none, exactly),
    plain: gaussianProposalGradient(sizes, proposal, noise, plain, weights, exactly),
  };
}

it('the weights are the derivatives of the bound, and the plain gradient is its gradient', () => {
  const group = 3;
  const proposal = threefryNormals(proposalWidth(R), [1, 1]);
  const noise = threefryNormals(group * R, [2, 2]);
  const boundAt = (at: Float64Array): number => {
    const { latents, logQ } = gaussianProposal({ n: 1, group, r: R }, at, noise, exactly);
    const cost = Array.from({ length: group }, (_, k) => costOf(latents.subarray(k * R, k * R + R)).cost);
    return importanceBounds({ n: 1, group, r: R, lambda: LAMBDA, cost, latents, logQ }, exactly).bound[0]!;
  };
  const h = 1e-5;
  const { plain } = gradientsOf(proposal, noise);
  proposal.forEach((value, i) => {
    const slope = (boundAt(proposal.with(i, value + h)) - boundAt(proposal.with(i, value - h))) / (2 * h);
    expect(plain[i]).toBeCloseTo(-slope, 8);
  });
});

it('the doubly reparameterised gradient has the same expectation', () => {
  const group = 3;
  const draws = 20_000;
  const proposal = Float64Array.of(0.3, -0.2, Math.log(0.8), 0.25, Math.log(0.6));
  const all = threefryNormals(draws * group * R, [3, 3]);
  const sums = Array.from(proposal, () => ({ sum: 0, squares: 0, size: 0 }));
  for (let i = 0; i < draws; i++) {
    const { doubly, plain } = gradientsOf(proposal, all.subarray(i * group * R, (i + 1) * group * R));
    sums.forEach((at, e) => {
      const difference = doubly[e]! - plain[e]!;
      at.sum += difference;
      at.squares += difference ** 2;
      at.size += plain[e]!;
    });
  }
  for (const { sum, squares, size } of sums) {
    const error = Math.sqrt(squares) / draws;
    expect(Math.abs(sum / draws)).toBeLessThan(4.5 * error);
    expect(error).toBeLessThan(0.05 * Math.abs(size / draws) + 0.005); // else the line before says nothing
  }
});

it('the doubly reparameterised gradient is 0 where the proposal is the posterior, the plain one is not', () => {
  // M = (I + AᵀA/λ)⁻¹ = TTᵀ, μ = M Aᵀy/λ.
  const inner = [0, 1].map((i) =>
    [0, 1].map((j) => (i === j ? 1 : 0) + A.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / LAMBDA),
  );
  const [[a, b], [, c]] = inner as [[number, number], [number, number]];
  const determinant = a * c - b * b;
  const M = [c / determinant, -b / determinant, a / determinant] as const; // M00, M01, M11
  const g = [0, 1].map((i) => A.reduce((sum, row, p) => sum + row[i]! * Y[p]!, 0) / LAMBDA);
  const t00 = Math.sqrt(M[0]);
  const t10 = M[1] / t00;
  const proposal = Float64Array.of(
    M[0] * g[0]! + M[1] * g[1]!,
    M[1] * g[0]! + M[2] * g[1]!,
    Math.log(t00),
    t10,
    Math.log(Math.sqrt(M[2] - t10 * t10)),
  );
  const { doubly, plain } = gradientsOf(proposal, threefryNormals(4 * R, [4, 4]));
  expect(Math.max(...doubly.map(Math.abs))).toBeLessThan(1e-12);
  expect(Math.max(...plain.map(Math.abs))).toBeGreaterThan(0.1);
});
