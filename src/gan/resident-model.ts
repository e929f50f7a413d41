/** A model's weights on the GPU, with one owner, and its networks as parts of graphs over them. */
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { type Networks, networksOf } from '../nn/architectures.ts';
import { type ParameterLayout, type Stack, applyStack, parameterTensors } from '../nn/layers.ts';
import type { Model, Weights } from './model.ts';
import { flatten } from './weights.ts';

/** The buffers that the networks' weights are in, by the names that graphs know them by. */
const BUFFERS = ['generator', 'statistics', 'critic'] as const;

export class ResidentModel implements Disposable {
  readonly model: Model;
  readonly #networks: Networks;
  readonly #owned: readonly OwnedBuffer[];

  constructor(device: Device, model: Model) {
    this.model = model;
    this.#networks = networksOf(model.configuration.settings.model);
    const { generator, critic } = this.#networks;
    const contents: readonly [ParameterLayout, Weights][] = [
      [generator.layout, model.generator],
      [generator.statistics, model.statistics],
      [critic.layout, model.critic],
    ];
    const flat = contents.map(([layout, weights]) => flatten(layout, weights));
    this.#owned = BUFFERS.map((name, i) => device.storageOf(name, flat[i] as Float32Array<ArrayBuffer>));
  }

  /** The buffers of the weights, for a plan. */
  get externals(): Readonly<Record<(typeof BUFFERS)[number], GPUBuffer>> {
    const [generator, statistics, critic] = this.#owned.map(({ buffer }) => buffer) as [
      GPUBuffer,
      GPUBuffer,
      GPUBuffer,
    ];
    return { generator, statistics, critic };
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
