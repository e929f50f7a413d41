/** `entropic-gan doctor`: the adapter, its features and limits, and the kernel variants that will run on it. */
import type { Command } from 'commander';
import { targetOf } from '../gpu/target.ts';
import { openDevice } from '../node/open-device.ts';
import { kernelVariants } from '../ops/variants.ts';
import { commandOutput, table } from './output.ts';

const SHOWN_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('print the adapter, its features and limits, and the kernel variants that will run')
    .option('--json', 'one JSON object', false)
    .action(async ({ json }: { json: boolean }) => {
      const output = commandOutput(json);
      using device = await openDevice();
      const { adapter, gpu } = device;
      const limits = Object.fromEntries(SHOWN_LIMITS.map((name) => [name, gpu.limits[name]]));
      const features = [...gpu.features].sort();
      const variants = kernelVariants(targetOf(device));
      output.record({ adapter, features, limits, variants });
      output.text(
        [
          table([
            ['adapter', adapter.description || adapter.device],
            ['kind', adapter.kind === 'software' ? 'software (runs on the CPU)' : 'hardware'],
            ['vendor', `${adapter.vendor} ${adapter.architecture}`.trim()],
            ['subgroups', adapter.subgroupSizes ? adapter.subgroupSizes.join('–') : 'none'],
            ['features', features.join(', ')],
          ]),
          '',
          table(Object.entries(limits)),
          '',
          table([['operation', 'kernel that will run'], ...Object.entries(variants)]),
          ...(adapter.kind === 'software'
            ? [
                '',
                'No hardware adapter was found. A GPU driver with Vulkan (Linux), Metal or D3D12 makes everything faster.',
              ]
            : []),
        ].join('\n'),
      );
    });
}
