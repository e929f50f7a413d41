/**
 * A device that runs the kernels of mixed precision on an adapter that has neither f16 nor subgroup matrices, by rewriting their
 * WGSL before it is compiled:
 *   f16                 float32 with values rounded to f16; in storage buffers pairs of halves in words, as they lie there
 *   subgroup matrices   of 16 × 16 and 32 invocations, each with half a row of the result; a factor is where it lies in memory
 * It says what the kernels compute, not how fast: the numbers are those of a GPU up to how it rounds and in which order it adds.
 */
import { create } from 'webgpu';
import { Device, describeAdapter, deviceDescriptor } from '../../src/gpu/device.ts';
import { UserError } from '../../src/gpu/errors.ts';
import { offerSoftwareAdapter } from '../../src/node/software-adapter.ts';

const ROUNDING = `
fn rounded_halves(x: vec4f) -> vec4f {
  return vec4f(unpack2x16float(pack2x16float(x.xy)), unpack2x16float(pack2x16float(x.zw)));
}

fn half_words(x: vec4f) -> vec2u {
  return vec2u(pack2x16float(x.xy), pack2x16float(x.zw));
}
`;

/** A buffer of matrices, the order of their values in it, and whether these are halves in words. */
interface MatrixBuffer {
  readonly name: string;
  readonly order: string;
  readonly inWords: boolean;
}

/** The value at a row and a column of a matrix that is no more than where it lies, (offset, stride). */
function valueOf(
  { name, order, inWords }: MatrixBuffer,
  matrix: string,
  row: string,
  column: string,
): string {
  const [major, minor] = order === 'row_major' ? [row, column] : [column, row];
  const at = `${matrix}.x + (${major}) * ${matrix}.y + (${minor})`;
  return inWords ? `unpack2x16float(${name}[(${at}) / 2u])[(${at}) % 2u]` : `${name}[${at}]`;
}

/** Products of such matrices: an invocation has eight values of one row. */
const products = (left: MatrixBuffer, right: MatrixBuffer, results: string): string => `
var<private> matrix_lane: u32;
alias MatrixResult = array<vec4f, 2>;

fn multiply_accumulate(left: vec2u, right: vec2u, sum: MatrixResult) -> MatrixResult {
  let row = matrix_lane / 2u;
  let column = matrix_lane % 2u * 8u;
  var near = sum[0];
  var far = sum[1];
  for (var k = 0u; k < 16u; k++) {
    let factor = ${valueOf(left, 'left', 'row', 'k')};
    near += factor * vec4f(${[0, 1, 2, 3].map((j) => valueOf(right, 'right', 'k', `column + ${j}u`)).join(', ')});
    far += factor * vec4f(${[4, 5, 6, 7].map((j) => valueOf(right, 'right', 'k', `column + ${j}u`)).join(', ')});
  }
  return MatrixResult(near, far);
}

fn store_matrix(offset: u32, values: MatrixResult, stride: u32) {
  let at = offset + matrix_lane / 2u * stride + matrix_lane % 2u * 8u;
  for (var j = 0u; j < 4u; j++) {
    ${results}[at + j] = values[0][j];
    ${results}[at + 4u + j] = values[1][j];
  }
}
`;

/** WGSL without f16 and subgroup matrices that computes the same; texts that have neither stay as they are. */
function emulated(code: string): string {
  if (!/\benable f16;/.test(code)) return code;
  const matrices = [
    ...code.matchAll(/subgroupMatrixLoad<subgroup_matrix_(left|right)<f16, 16, 16>, (\w+)>\(&(\w+), /g),
  ].map(([, side, order = '', name = '']) => ({
    side,
    buffer: { name, order, inWords: new RegExp(`var<storage, read> ${name}: array<f16>;`).test(code) },
  }));
  const [left, right] = ['left', 'right'].map(
    (wanted) => matrices.find(({ side }) => side === wanted)?.buffer,
  );
  const [, results] = /subgroupMatrixStore<row_major>\(&(\w+), /.exec(code) ?? [];
  let text = code
    .replace(/^diagnostic\(.*?$/gm, '')
    .replace(/\benable \w+;/g, '')
    .replace(/(var<storage, \w+> \w+: array<)f16>/g, '$1u32>')
    .replace(/subgroupMatrixLoad<.*?>\(&\w+, /g, 'vec2u(')
    .replace(/subgroupMatrixStore<row_major>\(&\w+, /g, 'store_matrix(')
    .replaceAll('subgroupMatrixMultiplyAccumulate', 'multiply_accumulate')
    .replaceAll('subgroup_matrix_result<f32, 16, 16>', 'MatrixResult');
  for (const [, name] of text.matchAll(/var<storage, read_write> (\w+): array<vec4h>;/g))
    text = text.replace(new RegExp(`(\\b${name}\\[.*\\] =\\s*)vec4h\\(`, 'g'), '$1half_words(');
  text = text
    .replace(/(var<storage, \w+> \w+: array<)vec4h>/g, '$1vec2u>')
    .replace(/\bStored\(/g, 'rounded_halves(')
    .replace(/\bvec4h\(/g, 'rounded_halves(')
    .replace(/\bvec4h\b/g, 'vec4f')
    .replace(/\bf16\b/g, 'f32');
  if (!left || !right || !results) return text + ROUNDING;
  return (
    text.replace(/@compute[^{]*\bindex: u32[^{]*\{/, '$& matrix_lane = index % 32u;') +
    ROUNDING +
    products(left, right, results)
  );
}

/** Features that the device pretends to have. */
export type Pretended = 'shader-f16' | 'chromium-experimental-subgroup-matrix';

/** Opens such a device, which calls itself a GPU with subgroups of 32. @throws UserError where there is no adapter at all. */
export async function openEmulated(...pretended: readonly Pretended[]): Promise<Device> {
  await offerSoftwareAdapter();
  const dawn = create([]);
  const adapter = await dawn.requestAdapter();
  if (!adapter) throw new UserError('no WebGPU adapter found');
  const descriptor = deviceDescriptor(adapter);
  // What is a half in workgroup memory is a float32 here.
  const { maxComputeWorkgroupStorageSize } = adapter.limits;
  const gpu = await adapter.requestDevice({
    ...descriptor,
    requiredLimits: { ...descriptor.requiredLimits, maxComputeWorkgroupStorageSize },
  });
  const features = new Set<string>([...gpu.features, 'subgroups', ...pretended]);
  const pretending = new Proxy(gpu, {
    get(target, name) {
      if (name === 'features') return features;
      if (name === 'createShaderModule')
        return (module: GPUShaderModuleDescriptor) =>
          target.createShaderModule({ ...module, code: emulated(module.code) });
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return new Device(
    pretending,
    { ...describeAdapter(adapter.info), kind: 'hardware', subgroupSizes: [32, 32] },
    { onDispose: () => void dawn },
  );
}
