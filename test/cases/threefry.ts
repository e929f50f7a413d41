/** Cases of the random sequences: even and odd counts around a workgroup's, words at the ends of their range. */
import { threefryNormal, threefryUniform } from '../../src/ops/threefry.ts';
import * as twin from '../reference/threefry.ts';
import type { KernelCase } from '../support/case.ts';

const MOST = 0xffffffff;

interface Draw extends twin.Source {
  readonly count: number;
}

const draws: readonly Draw[] = [
  ...[1, 2, 127, 128, 129, 100_001].map((count) => ({
    count,
    key: [1234, 2] as const,
    counter: 5,
    firstBlock: 0,
  })),
  { count: 300, key: [MOST, MOST], counter: MOST, firstBlock: MOST - 20 },
  { count: 300, key: [0, 0], counter: 0, firstBlock: 0x7fffffff },
];

const nameOf = ({ count, key, counter, firstBlock }: Draw): string =>
  `${count}-key${key.join('.')}-counter${counter}-from${firstBlock}`;

export const cases: readonly KernelCase[] = draws.flatMap((draw): KernelCase[] => {
  const { count, ...source } = draw;
  return [
    {
      name: `uniform-${nameOf(draw)}`,
      inputs: {},
      build: (graph) => ({ out: threefryUniform(graph, 'out', [count], source) }),
      reference: () => ({ out: twin.uniforms(count, source) }),
      allowance: { factor: 0, ulps: 0, reason: 'integers and powers of two: exact' },
    },
    {
      name: `normal-${nameOf(draw)}`,
      inputs: {},
      build: (graph) => ({ out: threefryNormal(graph, 'out', [count], source) }),
      reference: (round) => ({ out: twin.normals(count, source, round) }),
    },
  ];
});
