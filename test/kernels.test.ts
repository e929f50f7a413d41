/** Every kernel case against its float64 twin, in every variant that this adapter can run. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../src/gpu/device.ts';
import { openDevice } from '../src/node/open-device.ts';
import { discoverCases, expectationOf, variantsOf, verifyCase } from './support/verify.ts';

const tables = await discoverCases();

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => {
  expect(device.liveBuffers).toBe(0);
  device.dispose();
});

describe.each([...tables])('%s', (_stem, cases) => {
  it.for(cases)('$name', async (kernelCase, { skip }) => {
    skip(kernelCase.hardwareOnly === true && device.adapter.kind !== 'hardware', 'too large for a CPU');
    const expected = expectationOf(kernelCase);
    for (const target of variantsOf(device, kernelCase)) {
      const { kernels, problems } = await verifyCase(device, kernelCase, target, expected);
      expect(problems, `${kernels.join(', ')}`).toEqual([]);
    }
  });
});

it('prints the reason of every allowance that is not the measured one', () => {
  const exceptions = [...tables].flatMap(([stem, cases]) =>
    cases.flatMap(({ name, allowance }) => (allowance ? [`${stem}/${name}: ${allowance.reason}`] : [])),
  );
  if (exceptions.length > 0) console.log(exceptions.join('\n'));
  for (const line of exceptions) expect(line).toMatch(/: .{10,}/);
});
