/** The host's random numbers against the published Threefry vectors and the known answers. */
import { describe, expect, it } from 'vitest';
import {
  normalsOfUniforms,
  threefry2x32,
  threefryNormals,
  threefryStream,
  threefryUniforms,
  uniformOfBits,
} from '../src/data/random.ts';
import oracle from './oracles/random.json' with { type: 'json' };

interface Matrix {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface RandomCase {
  readonly name: string;
  readonly inputs: Readonly<Record<string, Matrix>>;
  readonly expected: Readonly<Record<string, Matrix>>;
}
const cases = oracle.cases as unknown as readonly RandomCase[];

const pair = (matrix: Matrix | undefined, row: number): [number, number] => [
  matrix?.data[2 * row] as number,
  matrix?.data[2 * row + 1] as number,
];
const rowsOf = (matrix: Matrix | undefined): number[] =>
  Array.from({ length: matrix?.shape[0] ?? 0 }, (_, row) => row);

describe('threefry2x32', () => {
  const withBits = cases.filter((c) => c.expected['bits']);
  it('has cases', () => expect(withBits.length).toBe(3));
  it.each(withBits)('$name: bits, uniforms and normals', ({ inputs, expected }) => {
    for (const row of rowsOf(expected['bits'])) {
      const bits = threefry2x32(pair(inputs['counter'], row), pair(inputs['key'], row));
      expect(bits).toEqual(pair(expected['bits'], row));
      if (expected['uniform']) expect(bits.map(uniformOfBits)).toEqual(pair(expected['uniform'], row));
    }
    for (const row of rowsOf(expected['normal'])) {
      const normals = normalsOfUniforms(...pair(expected['uniform'], row));
      pair(expected['normal'], row).forEach((z, i) => expect(normals[i]).toBeCloseTo(z, 12));
    }
  });
});

it('uniform edges: never 0, 1 included', () => {
  const edges = cases.find((c) => c.name === 'uniform-edges');
  expect(edges?.inputs['bits']?.data.map(uniformOfBits)).toEqual(edges?.expected['uniform']?.data);
});

it('Box-Muller edges: finite, 0 at u = 1', () => {
  const edges = cases.find((c) => c.name === 'box-muller-edges');
  for (const row of rowsOf(edges?.inputs['bits'])) {
    const [a, b] = pair(edges?.inputs['bits'], row);
    const normals = normalsOfUniforms(uniformOfBits(a), uniformOfBits(b));
    pair(edges?.expected['normal'], row).forEach((z, i) => expect(normals[i]).toBeCloseTo(z, 12));
  }
});

describe('sequences', () => {
  const counterMode = cases.find((c) => c.name === 'threefry2x32-20-counter-mode');
  const key = pair(counterMode?.inputs['key'], 0);
  const expected = counterMode?.expected['uniform']?.data ?? [];

  it('are the words of counters [0, 0], [1, 0], … in order', () => {
    expect([...threefryUniforms(expected.length, key)]).toEqual(expected);
    const normals = threefryNormals(32, key);
    counterMode?.expected['normal']?.data.forEach((z, i) => expect(normals[i]).toBeCloseTo(z, 12));
  });

  it('of odd length are prefixes of longer ones', () => {
    expect([...threefryUniforms(7, key)]).toEqual(expected.slice(0, 7));
    expect([...threefryNormals(7, key)]).toEqual([...threefryNormals(8, key)].slice(0, 7));
  });

  it('drawn one by one are the same', () => {
    const next = threefryStream(key, 5);
    expect(Array.from({ length: 9 }, next)).toEqual([...threefryUniforms(9, key, 5)]);
  });

  it('of different rows differ', () => {
    expect([...threefryUniforms(4, key, 1)]).not.toEqual([...threefryUniforms(4, key, 0)]);
  });
});
