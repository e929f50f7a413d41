/** Runs a graph once, arrays in and arrays out: for one-shot calls and tests. */
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { Plan } from '../gpu/plan.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from './graph.ts';
import { schedule } from './schedule.ts';

/** An array and its shape, row-major. */
export interface HostTensor {
  readonly data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/**
 * Uploads the inputs, runs the graph that `build` makes of them, and reads its outputs back.
 * Every buffer made on the way is gone when this returns or throws.
 */
export async function evaluate<I extends string, O extends string>(
  device: Device,
  inputs: Readonly<Record<I, HostTensor>>,
  build: (graph: Graph, tensors: Readonly<Record<I, Tensor>>) => Readonly<Record<O, Tensor>>,
): Promise<Record<O, Float32Array<ArrayBuffer>>> {
  const graph = new Graph();
  const owned: OwnedBuffer[] = [];
  const externals: Record<string, GPUBuffer> = {};
  const tensors = {} as Record<I, Tensor>;
  try {
    for (const name of Object.keys(inputs) as I[]) {
      const { data, shape } = inputs[name];
      const buffer = device.storageOf(name, data);
      owned.push(buffer);
      externals[name] = buffer.buffer;
      tensors[name] = graph.external(
        name,
        shape,
        { buffer: name, offset: 0 },
        data instanceof Uint32Array ? 'u32' : 'f32',
      );
    }
    const outputs = build(graph, tensors);
    const names = Object.keys(outputs) as O[];
    const { recording, slot } = schedule(
      graph,
      targetOf(device),
      names.map((name) => outputs[name]),
    );
    using plan = await Plan.create(device, { once: recording }, externals);
    plan.run([{ phase: 'once' }]);
    const results = {} as Record<O, Float32Array<ArrayBuffer>>;
    for (const name of names) {
      const view = plan.view(slot(outputs[name]));
      results[name] = await device.readFloats(view.buffer, view.offset, sizeOf(outputs[name].shape));
    }
    return results;
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
}
