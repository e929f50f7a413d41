/** `entropic-gan doctor`: the adapter, its features and limits, and the kernel variants that will run on it. */
import { type Command, Option } from 'commander';
import { PRECISIONS, type Precision, lacksForMixed, targetOf } from '../gpu/target.ts';
import { kernelVariants } from '../ops/variants.ts';
import { type DeviceOptions, deviceFor, withDeviceOptions } from './options.ts';
import { commandOutput, table } from './output.ts';

const SHOWN_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

interface DoctorOptions extends DeviceOptions {
  readonly json: boolean;
  readonly precision: Precision;
}

export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('print the adapter, its features and limits, and the kernel variants that will run');
  withDeviceOptions(command)
    .addOption(
      new Option(
        '--precision <name>',
        'mixed: also whether training in mixed precision can run, and by which kernels',
      )
        .choices(PRECISIONS)
        .default('f32'),
    )
    .option('--json', 'one JSON object', false)
    .action(async ({ json, precision, ...choice }: DoctorOptions) => {
      const output = commandOutput(json);
      using device = await deviceFor(choice, precision);
      const { adapter, gpu } = device;
      const target = targetOf(device, precision);
      const lacks = lacksForMixed(target);
      const limits = Object.fromEntries(SHOWN_LIMITS.map((name) => [name, gpu.limits[name]]));
      const features = [...gpu.features].sort();
      const variants = kernelVariants(target);
      output.record({ adapter, features, limits, mixedPrecisionLacks: lacks, variants });
      output.text(
        [
          table([
            ['adapter', adapter.description || adapter.device],
            ['kind', adapter.kind === 'software' ? 'software (runs on the CPU)' : 'hardware'],
            ['vendor', `${adapter.vendor} ${adapter.architecture}`.trim()],
            ['subgroups', adapter.subgroupSizes ? adapter.subgroupSizes.join('–') : 'none'],
            ...(adapter.matrixShapes
              ? [['subgroup matrices', adapter.matrixShapes.join(', ') || 'none of f16 with float32 sums']]
              : []),
            ['features', features.join(', ')],
            ...(precision === 'mixed'
              ? [['mixed precision', lacks.length > 0 ? `no: has no ${lacks.join(', no ')}` : 'yes']]
              : []),
          ]),
          '',
          table(Object.entries(limits)),
          '',
          table([['operation', 'kernel that will run'], ...Object.entries(variants)]),
          ...(adapter.kind === 'software' && choice.adapter === 'any'
            ? [
                '',
                'No hardware adapter was found. A GPU driver with Vulkan (Linux), Metal or D3D12 makes everything faster.',
              ]
            : []),
        ].join('\n'),
      );
    });
}
