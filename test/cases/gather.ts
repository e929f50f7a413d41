/** Cases of drawing a batch, of bytes and of floats: one sample, sizes around a workgroup's, batches across epochs. */
import { gatherBatch } from '../../src/ops/gather.ts';
import * as twin from '../reference/gather.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

type Shape = Pick<twin.Draw, 'count' | 'size' | 'batch' | 'epoch' | 'offset'>;

const shapes: readonly Shape[] = [
  { count: 1, size: 1, batch: 1, epoch: 0, offset: 0 },
  { count: 1, size: 3, batch: 5, epoch: 2, offset: 0 },
  { count: 5, size: 63, batch: 4, epoch: 0, offset: 3 },
  { count: 16, size: 64, batch: 16, epoch: 1, offset: 0 },
  { count: 17, size: 65, batch: 40, epoch: 7, offset: 11 },
  { count: 1000, size: 7, batch: 1000, epoch: 3, offset: 0 },
  { count: 300, size: 784, batch: 128, epoch: 12, offset: 250 },
];

function caseOf(kind: 'bytes' | 'floats', shape: Shape, seed: number): KernelCase {
  const { count, size, batch } = shape;
  const { uniform, normal } = randomOf(seed);
  const bytes = Uint8Array.from({ length: Math.ceil((count * size) / 4) * 4 }, () => 256 * uniform());
  const values = kind === 'bytes' ? bytes : filled(count * size, normal);
  const draw = { ...shape, key: [99, 1] as const, scale: kind === 'bytes' ? 1 / 255 : 0.5 };
  return {
    name: `${kind}-${batch}of${count}x${size}-epoch${shape.epoch}`,
    inputs: {
      data:
        values instanceof Uint8Array
          ? { data: new Uint32Array(values.buffer), shape: [values.length / 4] }
          : { data: values, shape: [count, size] },
    },
    build: (graph, tensors) => ({ out: gatherBatch(graph, { data: tensors['data']!, kind, ...draw }) }),
    reference: (round) => ({ out: twin.gather(values, draw, round) }),
  };
}

export const cases: readonly KernelCase[] = (['bytes', 'floats'] as const).flatMap((kind) =>
  shapes.map((shape, i) => caseOf(kind, shape, 70 + i)),
);
