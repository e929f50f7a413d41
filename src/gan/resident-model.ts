/** A model's weights on the GPU, with one owner, and its networks as parts of graphs over them. */
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { type Networks, networksOf } from '../nn/architectures.ts';
import { type ParameterLayout, type Stack, applyStack, parameterTensors } from '../nn/layers.ts';
import { type EncoderNetwork, encoderNetwork } from './encoder.ts';
import type { Model, Weights } from './model.ts';
import { flatten } from './weights.ts';

/** The buffers that the networks' weights are in, by the names that graphs know them by; the last only where there is an encoder. */
const BUFFERS = ['generator', 'statistics', 'critic', 'encoder'] as const;
type Buffers = Record<Exclude<(typeof BUFFERS)[number], 'encoder'>, GPUBuffer> & { encoder?: GPUBuffer };

export class ResidentModel implements Disposable {
  readonly model: Model;
  readonly #networks: Networks;
  readonly #encoder: EncoderNetwork | undefined;
  readonly #owned: readonly OwnedBuffer[];

  constructor(device: Device, model: Model) {
    this.model = model;
    const { settings } = model.configuration;
    this.#networks = networksOf(settings.model);
    this.#encoder = model.encoder && encoderNetwork(settings.model, model.encoder.layers);
    const { generator, critic } = this.#networks;
    const contents: readonly [ParameterLayout, Weights][] = [
      [generator.layout, model.generator],
      [generator.statistics, model.statistics],
      [critic.layout, model.critic],
      ...(this.#encoder && model.encoder
        ? [[this.#encoder.layout, model.encoder.weights] satisfies [ParameterLayout, Weights]]
        : []),
    ];
    const flat = contents.map(([layout, weights]) => flatten(layout, weights));
    const owned: OwnedBuffer[] = [];
    try {
      for (const [i, words] of flat.entries()) owned.push(device.storageOf(BUFFERS[i] as string, words));
    } catch (error) {
      for (const buffer of owned) buffer.dispose();
      throw error;
    }
    this.#owned = owned;
  }

  /** The buffers of the weights, for a plan. */
  get externals(): Readonly<Buffers> {
    const [generator, statistics, critic, encoder] = this.#owned.map(({ buffer }) => buffer) as [
      GPUBuffer,
      GPUBuffer,
      GPUBuffer,
      GPUBuffer | undefined,
    ];
    return { generator, statistics, critic, ...(encoder ? { encoder } : {}) };
  }

  /** G, its batch norms frozen: latents [k, r] → samples [k, d]. */
  generate(graph: Graph, latents: Tensor): Tensor {
    const { stack, layout, statistics } = this.#networks.generator;
    return applyStack(graph, stack, parameterTensors(graph, layout, 'generator'), latents, {
      by: 'statistics',
      statistics: parameterTensors(graph, statistics, 'statistics'),
    });
  }

  /** D₂ of samples: [k, d] → [k]. */
  criticise(graph: Graph, generated: Tensor): Tensor {
    const { trunk, fake, layout } = this.#networks.critic;
    const weights = parameterTensors(graph, layout, 'critic');
    const apply = (stack: Stack, x: Tensor): Tensor => applyStack(graph, stack, weights, x);
    return apply(fake, trunk ? apply(trunk, generated) : generated);
  }

  /**
   * The encoder: observations [n, d] → the Gaussian proposals of their latents, [n, proposalWidth(r)].
   * @throws UserError where the model has none.
   */
  encode(graph: Graph, observations: Tensor): Tensor {
    if (!this.#encoder)
      throw new UserError(
        'encoder: the model has none; train one with trainEncoder, or on the command line with encode MODEL --data SPEC',
      );
    const { stack, layout } = this.#encoder;
    return applyStack(graph, stack, parameterTensors(graph, layout, 'encoder'), observations);
  }

  dispose(): void {
    for (const owned of this.#owned) owned.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Whether a buffer of that name holds a model's weights. */
export function isModelBuffer(name: string): boolean {
  return (BUFFERS as readonly string[]).includes(name);
}
