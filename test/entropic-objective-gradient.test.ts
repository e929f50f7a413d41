/** The gradient of the entropic objective on GPUs, divided among dispatches: each takes some rows of every part and adds to the last. */
import { expect, it } from 'vitest';
import type { OwnedBuffer } from '../src/gpu/device.ts';
import type { AnyKernelCall } from '../src/gpu/kernel.ts';
import { Plan } from '../src/gpu/plan.ts';
import type { Slot } from '../src/gpu/recording.ts';
import type { Target } from '../src/gpu/target.ts';
import { describeGpu } from './support/device.ts';
import { discoverCases, recordCase } from './support/verify.ts';

const GPU: Target = { adapter: 'hardware', features: new Set() };
const KERNEL = 'entropic_objective_gradient_tile';

describeGpu('the gradient in several dispatches', (device) => {
  it('is what one dispatch makes of it', async () => {
    const cases = (await discoverCases()).get('entropic-objective')!;
    const { inputs, ...one } = cases.find(({ name }) => name.startsWith('several-dispatches'))!;
    const { recording, outputs } = recordCase({ inputs, ...one }, GPU);
    const { params, constants } = recording.dispatches.find(({ kernel }) => kernel === KERNEL)!;
    const span = 3 * Number(constants!['TILE']);
    const divided = recording.dispatches.flatMap((call): AnyKernelCall<Slot>[] =>
      call.kernel === KERNEL
        ? Array.from({ length: Math.ceil(Number(params['each']) / span) }, (_, i) => ({
            ...call,
            params: {
              ...call.params,
              first_row: span * i,
              span: Math.min(span, Number(params['each']) - span * i),
            },
          }))
        : [call],
    );
    expect(divided.length).toBe(recording.dispatches.length + 3);
    const buffers: Record<string, OwnedBuffer> = {};
    try {
      for (const [name, { data }] of Object.entries(inputs)) buffers[name] = device.storageOf(name, data);
      const externals = Object.fromEntries(
        Object.entries(buffers).map(([name, { buffer }]) => [name, buffer]),
      );
      const gradients: Float32Array[] = [];
      for (const dispatches of [recording.dispatches, divided]) {
        using plan = await Plan.create(device, { once: { ...recording, dispatches } }, externals);
        plan.run([{ phase: 'once' }]);
        const { tensor, slot } = outputs['gradFake']!;
        const { buffer, offset } = plan.view(slot);
        gradients.push(
          await device.readFloats(
            buffer,
            offset,
            tensor.shape.reduce((a, b) => a * b),
          ),
        );
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
