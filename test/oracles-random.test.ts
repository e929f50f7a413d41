/**
 * Random sequences against known answers: uniforms exactly, normals within 2e-5. The edges, which no known counter gives,
 * go through the snippets themselves in a kernel of the test's own.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Device } from '../src/gpu/device.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { threefryNormal, threefryUniform } from '../src/ops/threefry.ts';
import { threefry } from './reference/threefry.ts';
import { describeGpu } from './support/device.ts';
import { type OracleArray, maxError, oracleCases } from './support/oracle.ts';

interface RandomCase {
  readonly inputs: Readonly<Partial<Record<'counter' | 'key' | 'bits', OracleArray>>>;
  readonly expected: Readonly<Partial<Record<'bits' | 'uniform' | 'normal', OracleArray>>>;
}

const all = oracleCases<RandomCase>('random');
const ofCounters = all.filter(({ inputs }) => inputs.counter);
const ofBits = all.filter(({ inputs }) => inputs.bits);

const pairsOf = ({ data }: OracleArray): (readonly [number, number])[] =>
  Array.from({ length: data.length / 2 }, (_, i) => [data[2 * i]!, data[2 * i + 1]!] as const);
const uniformOf = (bits: number): number => (Math.floor(bits / 256) + 1) * 2 ** -24;

/** Uniforms and normals of given words, from the snippets that the kernels are made of. */
async function drawOf(
  device: Device,
  words: readonly number[],
): Promise<{ uniforms: Float32Array; normals: Float32Array }> {
  const snippet = (name: string): string =>
    readFileSync(new URL(`../shaders/lib/${name}.wgsl`, import.meta.url), 'utf8');
  const code = `
    @group(0) @binding(0) var<storage, read> words: array<vec2u>;
    @group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
      let u = vec2f(uniform_of(words[id.x].x), uniform_of(words[id.x].y));
      out[id.x] = vec4f(u, normals_of(u));
    }
    ${snippet('threefry')}
    ${snippet('normal')}`;
  const module = device.gpu.createShaderModule({ code });
  const pipeline = await device.gpu.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const pairs = Math.ceil(words.length / 2);
  const padded = new Uint32Array(2 * pairs);
  padded.set(words);
  using input = device.storageOf('words', padded);
  using out = device.storage('out', pairs * 16);
  const encoder = device.gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [input, out].map(({ buffer }, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(pairs);
  pass.end();
  device.submit([encoder.finish()]);
  const values = await device.readFloats(out.buffer, 0, pairs * 4);
  const part = (first: number): Float32Array =>
    Float32Array.from({ length: words.length }, (_, i) => values[4 * Math.floor(i / 2) + first + (i % 2)]!);
  return { uniforms: part(0), normals: part(2) };
}

describeGpu('random sequences', (device) => {
  it('has cases of counters and of bits', () => {
    expect([ofCounters.length, ofBits.length]).toEqual([3, 2]);
  });

  it.each(ofCounters)('$name', async ({ inputs, expected }) => {
    const keys = pairsOf(inputs.key!);
    const counters = pairsOf(inputs.counter!);
    const bits = pairsOf(expected.bits!);
    counters.forEach((counter, i) => expect(threefry(counter, keys[i]!)).toEqual(bits[i]));
    const { uniform, normal } = await evaluate(device, {}, (graph) =>
      Object.fromEntries(
        counters.flatMap(([block, counter], i) => {
          const source = { key: keys[i]!, counter, firstBlock: block };
          return [
            [`uniform${i}`, threefryUniform(graph, `uniform${i}`, [2], source)],
            [`normal${i}`, threefryNormal(graph, `normal${i}`, [2], source)],
          ];
        }),
      ),
    ).then((drawn: Record<string, Float32Array>) => {
      const joined = (name: string): number[] => counters.flatMap((_, i) => [...drawn[`${name}${i}`]!]);
      return { uniform: joined('uniform'), normal: joined('normal') };
    });
    expect(uniform).toEqual(bits.flatMap((pair) => pair.map(uniformOf)));
    if (expected.uniform) expect(uniform).toEqual(expected.uniform.data);
    if (expected.normal)
      expect(maxError(normal.slice(0, expected.normal.data.length), expected.normal.data)).toBeLessThan(2e-5);
  });

  it.each(ofBits)('$name', async ({ inputs, expected }) => {
    const { uniforms, normals } = await drawOf(device, inputs.bits!.data);
    expect([...uniforms]).toEqual(expected.uniform!.data);
    if (expected.normal) expect(maxError(normals, expected.normal.data)).toBeLessThan(2e-5);
  });
});
