/** Every kernel case against its float64 twin, in every variant that this adapter can run. */
import { describe, expect, it } from 'vitest';
import { describeGpu } from './support/device.ts';
import { choicesOf, discoverCases, expectationOf, variantsOf, verifyCase } from './support/verify.ts';

const tables = await discoverCases();

describeGpu('kernels against their twins', (device) => {
  describe.each([...tables])('%s', (_stem, cases) => {
    it.for(cases)('$name', async (kernelCase, { skip }) => {
      skip(kernelCase.hardwareOnly === true && device.adapter.kind !== 'hardware', 'too large for a CPU');
      const expected = expectationOf(kernelCase);
      for (const target of choicesOf(device, kernelCase)) {
        const { kernels, problems } = await verifyCase(device, kernelCase, target, expected);
        expect(problems, kernels.join(', ')).toEqual([]);
      }
    });
  });

  it('cover both products: the one for subgroups of four where the adapter has them, and the portable one', () => {
    const variants = variantsOf(device, tables.get('matmul')![0]!).length;
    const sizes = device.adapter.subgroupSizes;
    expect(variants).toBe(device.adapter.kind === 'software' && sizes?.[0] === 4 && sizes[1] === 4 ? 2 : 1);
  });
});

it('prints the reason of every allowance that is not the measured one', () => {
  const exceptions = [...tables].flatMap(([stem, cases]) =>
    cases.flatMap(({ name, allowance }) => (allowance ? [`${stem}/${name}: ${allowance.reason}`] : [])),
  );
  if (exceptions.length > 0) console.log(exceptions.join('\n'));
  for (const line of exceptions) expect(line).toMatch(/: .{10,}/);
});
