/** The gradient of the entropic objective on GPUs, divided among dispatches: each takes some rows of every part and adds to the last. */
import { describe, expect, it } from 'vitest';
import type { OwnedBuffer } from '../src/gpu/device.ts';
import type { AnyKernelCall } from '../src/gpu/kernel.ts';
import { Plan } from '../src/gpu/plan.ts';
import type { Slot } from '../src/gpu/recording.ts';
import type { Target } from '../src/gpu/target.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { gradientParts, gradientSpans } from '../src/ops/entropic-objective-variants.ts';
import { describeGpu } from './support/device.ts';
import { discoverCases, recordCase } from './support/verify.ts';

const GPU: Target = { adapter: 'hardware', features: new Set() };
const KERNEL = 'entropic_objective_gradient_tile';

describe('the division of the gradient', () => {
  it.each([
    { n: 1, m: 1, d: 1 },
    { n: 128, m: 128, d: 784 },
    { n: 2080, m: 600, d: 9 },
    { n: 4096, m: 4096, d: 64 },
    { n: 65_536, m: 65_536, d: 784 },
  ])('takes every row once: $n × $m, d = $d', (size) => {
    const division = gradientParts(size);
    const { tile, parts, each } = division;
    expect(each % tile).toBe(0);
    expect(parts * each).toBeGreaterThanOrEqual(size.n);
    expect((parts - 1) * each).toBeLessThan(size.n);
    for (const most of [0.3, 1, 2.5, 1e9]) {
      let next = 0;
      for (const { first, span } of gradientSpans(division, most)) {
        expect(first).toBe(next);
        expect(span % tile).toBe(0);
        expect(span / tile).toBeLessThanOrEqual(Math.max(1, most));
        next += span;
      }
      expect(next).toBe(each);
    }
  });
});

describeGpu('the gradient in several dispatches', (device) => {
  it('is what one dispatch makes of it', async () => {
    const cases = (await discoverCases()).get('entropic-objective')!;
    const one = cases.find(({ name }) => name.startsWith('several-dispatches'))!;
    const { recording, outputs } = recordCase(one, GPU);
    const { n, m, d } = recording.dispatches.find(({ kernel }) => kernel === KERNEL)!.params as Record<
      'n' | 'm' | 'd',
      number
    >;
    const spans = gradientSpans(gradientParts({ n, m, d }), 3);
    expect(spans.length).toBeGreaterThan(2);
    const divided = recording.dispatches.flatMap((call): AnyKernelCall<Slot>[] =>
      call.kernel === KERNEL
        ? spans.map(({ first, span }) => ({ ...call, params: { ...call.params, first_row: first, span } }))
        : [call],
    );
    const buffers: Record<string, OwnedBuffer> = {};
    try {
      for (const [name, { data }] of Object.entries(one.inputs)) buffers[name] = device.storageOf(name, data);
      const externals = Object.fromEntries(
        Object.entries(buffers).map(([name, { buffer }]) => [name, buffer]),
      );
      const gradients: Float32Array[] = [];
      for (const dispatches of [recording.dispatches, divided]) {
        using plan = await Plan.create(device, { once: { ...recording, dispatches } }, externals);
        plan.run([{ phase: 'once' }]);
        const { tensor, slot } = outputs['gradFake']!;
        const { buffer, offset } = plan.view(slot);
        gradients.push(await device.readFloats(buffer, offset, sizeOf(tensor.shape)));
      }
      const largest = Math.max(...gradients[0]!.map(Math.abs));
      expect(largest).toBeGreaterThan(0);
      gradients[1]!.forEach((value, i) => {
        expect(Math.abs(value - gradients[0]![i]!)).toBeLessThan(1e-6 * largest);
      });
    } finally {
      for (const buffer of Object.values(buffers)) buffer.dispose();
    }
  });
});
