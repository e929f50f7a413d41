/**
 * Latents drawn from a Gaussian proposal of each observation, x = μ + Tε with T lower triangular, their log-densities, and the
 * gradients of both with respect to μ and T (the noise ε held: reparameterised, Kingma & Welling 2014).
 */
import { kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { fill } from './fill.ts';
import { elementGroups } from './grid.ts';

/** Values of one observation's proposal: μ, [r], then the rows of T up to the diagonal, which holds log T_ii. */
export function proposalWidth(r: number): number {
  return r + (r * (r + 1)) / 2;
}

const gaussianProposalOp: Op<{ readonly group: number }> = {
  name: 'gaussian-proposal',
  dispatch({ inputs, outputs, attributes: { group } }) {
    const [proposals, noise] = inputs as readonly [Tensor, Tensor];
    const [latents, log_q] = outputs as readonly [Tensor, Tensor];
    const [rows, r] = noise.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'gaussian_proposal',
        label: latents.name,
        params: { rows, r, group },
        bindings: { proposals, noise, latents, log_q },
        workgroups: elementGroups(rows * r, 64),
        flops: rows * r * (r + 3),
        bytes: 4 * rows * r * (r / 2 + 3),
      }),
    ];
  },
  derivative(graph, { inputs, outputs, attributes }, [dx, dq], wanted) {
    const [proposals, noise] = inputs as readonly [Tensor, Tensor];
    if (wanted[1]) throw new Error(`gaussian-proposal: ${noise.name} is noise; there is no gradient for it`);
    const [latents, logQ] = outputs as readonly [Tensor, Tensor];
    const [gradient] = graph.add(gaussianProposalGradientOp, {
      inputs: [proposals, noise, dx ?? fill(graph, latents.shape, 0), dq ?? fill(graph, logQ.shape, 0)],
      outputs: [{ name: `d(${proposals.name})`, shape: proposals.shape }],
      attributes,
    });
    return [gradient, undefined];
  },
};

const gaussianProposalGradientOp: Op<{ readonly group: number }> = {
  name: 'gaussian-proposal-gradient',
  dispatch({ inputs, outputs, attributes: { group } }) {
    const [proposals, noise, dx, dq] = inputs as readonly [Tensor, Tensor, Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const [rows, r] = noise.shape as readonly [number, number];
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel: 'gaussian_proposal_gradient',
        label: out.name,
        params: { rows, r, group },
        bindings: { proposals, noise, dx, dq, out },
        workgroups: elementGroups(count, 64),
        flops: 2 * count * group,
        bytes: 4 * count * (2 * group + 2),
      }),
    ];
  },
};

/**
 * Latents x_k = μ + T ε_k and log q(x_k) = log N(x_k; μ, TTᵀ).
 * @param proposals [n, proposalWidth(r)]; @param noise ε ~ N(0, I), [n·group, r], `group` rows for each observation.
 * @returns latents [n·group, r] and logQ [n·group].
 */
export function gaussianProposal(
  graph: Graph,
  proposals: Tensor,
  noise: Tensor,
): { readonly latents: Tensor; readonly logQ: Tensor } {
  const group = (noise.shape[0] as number) / (proposals.shape[0] as number);
  const [latents, logQ] = graph.add(gaussianProposalOp, {
    inputs: [proposals, noise],
    outputs: [
      { name: `latents(${proposals.name})`, shape: noise.shape },
      { name: `log q(${proposals.name})`, shape: [noise.shape[0] as number] },
    ],
    attributes: { group },
  });
  return { latents, logQ };
}
