/**
 * The encoder as a network: an observation y, [d], → the Gaussian proposal of its latents, q(x | y) = N(μ, TTᵀ), as the
 * proposalWidth(r) values of ops/gaussian-proposal.ts. Hidden layers of any kind, then one dense layer.
 */
import { UserError } from '../gpu/errors.ts';
import { sizeOf } from '../graph/graph.ts';
import type { Architecture } from '../nn/architectures.ts';
import { type Layer, type ParameterLayout, type Stack, layOutParameters, outputShape } from '../nn/layers.ts';
import { proposalWidth } from '../ops/gaussian-proposal.ts';

/** Hidden layers: widths of dense ones with ReLU, or layers as in an architecture. */
export type HiddenLayers = readonly (number | Layer)[];

export interface EncoderNetwork {
  readonly stack: Stack;
  readonly layout: ParameterLayout;
}

/** What the last layer's initial weights are a share of: proposals begin near N(0, I), the same for every observation. */
const FIRST_SHARE = 0.01;

/** All layers of an encoder with these hidden ones. */
export function encoderLayers({ latent }: Pick<Architecture, 'latent'>, hidden: HiddenLayers): Layer[] {
  return [
    ...hidden.map((layer): Layer =>
      typeof layer === 'number' ? { kind: 'dense', units: layer, activation: 'relu' } : layer,
    ),
    { kind: 'dense', units: proposalWidth(latent) },
  ];
}

/**
 * The network of an encoder for a generator's samples.
 * @throws UserError where a layer is not sound, depends on other observations, or the last does not give a proposal.
 */
export function encoderNetwork(
  { sample, latent }: Pick<Architecture, 'sample' | 'latent'>,
  layers: readonly Layer[],
): EncoderNetwork {
  const stack: Stack = { prefix: 'layers', input: sample, layers };
  const width = sizeOf(outputShape(stack));
  if (width !== proposalWidth(latent))
    throw new UserError(
      `encoder: its last layer gives ${width} values, a Gaussian of ${latent} latent dimensions takes ${proposalWidth(latent)}; end with a dense layer of as many`,
    );
  if (layers.some(({ kind }) => kind === 'batch-norm'))
    throw new UserError(
      'encoder: has a batch norm; the proposal of an observation must not depend on the rest of the batch, take it out',
    );
  const { parameters, bytes } = layOutParameters([stack]);
  const last = `${stack.prefix}.${layers.length - 1}.weight`;
  return {
    stack,
    layout: {
      parameters: parameters.map((parameter) =>
        parameter.name === last && 'limit' in parameter.initial
          ? { ...parameter, initial: { limit: FIRST_SHARE * parameter.initial.limit } }
          : parameter,
      ),
      bytes,
    },
  };
}
