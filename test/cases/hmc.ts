/**
 * Cases of the parts of a transition: rows of one and of many elements, around a workgroup's 64, chains that are taken, refused
 * and near neither, energies beyond float32, weights begun and gone on with, step sizes at both ends of their range.
 */
import { hmcAccept, hmcAdapt, hmcLeapfrog, hmcRefresh, hmcSelect, hmcWeigh } from '../../src/ops/hmc.ts';
import * as twin from '../reference/hmc.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly groups: number;
  readonly group: number;
  readonly r: number;
}

const shapes: readonly Shape[] = [
  { groups: 1, group: 1, r: 1 },
  { groups: 3, group: 2, r: 5 },
  { groups: 7, group: 9, r: 1 },
  { groups: 16, group: 4, r: 16 },
  { groups: 13, group: 5, r: 33 },
  { groups: 4, group: 16, r: 128 },
  { groups: 700, group: 3, r: 16 },
];

const nameOf = ({ groups, group, r }: Shape): string => `${groups}x${group}x${r}`;

/** The first, a middle and the last step of a trajectory. */
const HALF = { kick: 0.5, drift: 1 };
const WHOLE = { kick: 1, drift: 1 };
const LAST = { kick: 0.5, drift: 0 };

/** Rows of the tables of step sizes and rates, and the one in use. */
const TABLE = 4;
const AT = 2;

function leapfrogCase(
  { groups, group, r }: Shape,
  ends: { readonly kick: number; readonly drift: number },
  seed: number,
): KernelCase {
  const { normal, uniform } = randomOf(seed);
  const rows = groups * group;
  const matrix = (scale: number) => ({ data: filled(rows * r, () => scale * normal()), shape: [rows, r] });
  const inputs = {
    positions: matrix(1),
    momenta: matrix(1),
    gradients: matrix(20),
    sizes: { data: filled(TABLE * groups, () => 0.01 + 0.3 * uniform()), shape: [TABLE, groups] },
  };
  const values = { first: AT * groups, scale: 1.125, strength: 0.3, ...ends };
  return {
    name: `leapfrog-${nameOf({ groups, group, r })}-kick-${ends.kick}-drift-${ends.drift}`,
    inputs,
    build: (graph, tensors) => {
      const { positions, momenta, gradients, sizes } = tensors as Record<
        keyof typeof inputs,
        (typeof tensors)[string]
      >;
      const after = hmcLeapfrog(graph, { positions, momenta }, gradients, { ...values, stepSizes: sizes });
      return { moved: after.positions, kicked: after.momenta };
    },
    reference: (round) => {
      const after = twin.leapfrog(
        { ...values, r, group, scale: Math.fround(values.scale), strength: Math.fround(values.strength) },
        inputs.positions.data,
        inputs.momenta.data,
        inputs.gradients.data,
        inputs.sizes.data,
        round,
      );
      return { moved: after.positions, kicked: after.momenta };
    },
  };
}

function refreshCase({ groups, group, r }: Shape, anew: boolean, seed: number): KernelCase {
  const { normal, uniform } = randomOf(seed);
  const rows = groups * group;
  const inputs = {
    momenta: { data: filled(rows * r, () => normal()), shape: [rows, r] },
    noise: { data: filled(rows * r, () => normal()), shape: [rows, r] },
    // From such that momenta stay as they are to such that little of them is left.
    sizes: { data: filled(TABLE * groups, () => 10 ** (4 * uniform() - 4)), shape: [TABLE, groups] },
  };
  const values = { first: AT * groups, rate: 2 };
  return {
    name: `refresh-${nameOf({ groups, group, r })}${anew ? '-anew' : ''}`,
    inputs,
    build: (graph, tensors) => {
      const { momenta, noise, sizes } = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      return { momenta: hmcRefresh(graph, momenta, noise, sizes, { ...values, anew: Number(anew) }) };
    },
    reference: (round) => {
      const momenta = Float64Array.from(inputs.momenta.data);
      twin.refresh({ ...values, anew, r, group }, momenta, inputs.noise.data, inputs.sizes.data, round);
      return { momenta };
    },
  };
}

/** A trajectory's two ends, ΔH of some size, and what becomes of the chains. */
function transitionCase({ groups, group, r }: Shape, fresh: boolean, seed: number): KernelCase {
  const { normal, uniform } = randomOf(seed);
  const rows = groups * group;
  const matrix = () => ({ data: filled(rows * r, () => normal()), shape: [rows, r] });
  const vector = (value: () => number) => ({ data: filled(rows, value), shape: [rows] });
  const near = ({ data, shape }: ReturnType<typeof matrix>) => ({
    data: data.map((value) => value + (0.3 / Math.sqrt(r)) * normal()),
    shape,
  });
  const positions = matrix();
  const momenta = matrix();
  const costs = vector(() => 300 + 30 * normal());
  const inputs = {
    positions,
    momenta,
    costs,
    gradients: matrix(),
    weights: vector(() => 100 * normal()),
    moved: near(positions),
    kicked: near(momenta),
    reached: { data: costs.data.map((cost) => cost + 3 * normal()), shape: [rows] },
    sloped: matrix(),
    uniforms: vector(() => 1 - uniform()),
  };
  const strength = 0.375;
  const increment = 0.0625;
  return {
    name: `transition-${nameOf({ groups, group, r })}${fresh ? '-fresh' : ''}`,
    inputs,
    build: (graph, tensors) => {
      const t = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      const after = { positions: t.moved, momenta: t.kicked, costs: t.reached, gradients: t.sloped };
      const outcomes = hmcAccept(graph, t, after, t.uniforms, strength);
      hmcWeigh(graph, t, t.reached, outcomes, { increment, fresh: Number(fresh) });
      hmcSelect(graph, t, after, outcomes);
      const { positions: x, momenta: p, gradients, costs: l, weights } = t;
      return { outcomes, positions: x, momenta: p, gradients, costs: l, weights };
    },
    reference: (round) => {
      const of = (name: keyof typeof inputs): Float64Array => Float64Array.from(inputs[name].data);
      const chains = {
        positions: of('positions'),
        momenta: of('momenta'),
        gradients: of('gradients'),
        costs: of('costs'),
        weights: of('weights'),
      };
      const after = {
        positions: of('moved'),
        momenta: of('kicked'),
        costs: of('reached'),
        gradients: of('sloped'),
      };
      const outcomes = twin.accept(strength, chains, after, of('uniforms'), round);
      twin.weigh(chains, after.costs, outcomes, { increment, fresh }, round);
      twin.select(chains, after, outcomes);
      return { outcomes, ...chains };
    },
    quantities: { outcomes: ['chance', 'taken'] },
  };
}

/** Ends that no float32 holds, and those that are far down or far up: the first are refused, whatever the uniform. */
const beyond: KernelCase = (() => {
  const far = [Infinity, -Infinity, NaN, 3e38, -3e38, 1e4, -1e4, 0];
  const rows = 3 * far.length;
  const zeros = () => new Float32Array(rows);
  // Each in turn in the cost, the position and the momentum.
  const only = (part: number) =>
    filled(rows, (i) => (Math.floor(i / far.length) === part ? far[i % far.length]! : 0));
  const inputs = {
    positions: { data: zeros(), shape: [rows, 1] },
    momenta: { data: zeros(), shape: [rows, 1] },
    costs: { data: zeros(), shape: [rows] },
    reached: { data: only(0), shape: [rows] },
    moved: { data: only(1), shape: [rows, 1] },
    kicked: { data: only(2), shape: [rows, 1] },
    uniforms: { data: filled(rows, () => 2 ** -24), shape: [rows] },
  };
  return {
    name: 'accept-beyond-float32',
    inputs,
    build: (graph, tensors) => {
      const t = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      const after = { positions: t.moved, momenta: t.kicked, costs: t.reached };
      return { outcomes: hmcAccept(graph, t, after, t.uniforms, 1) };
    },
    reference: (round) => {
      const { positions, momenta, costs, reached, moved, kicked, uniforms } = inputs;
      const after = { positions: moved.data, momenta: kicked.data, costs: reached.data };
      return {
        outcomes: twin.accept(
          1,
          { positions: positions.data, momenta: momenta.data, costs: costs.data },
          after,
          uniforms.data,
          (x) => round(Math.abs(x) > 3.5e38 ? x * Infinity : x),
        ),
      };
    },
    bench: false,
  };
})();

function adaptCase({ groups, group, r }: Shape, gain: number, seed: number): KernelCase {
  const { uniform } = randomOf(seed);
  const rows = groups * group;
  const inputs = {
    outcomes: { data: filled(2 * rows, () => uniform()), shape: [rows, 2] },
    rates: { data: filled(TABLE * groups, () => uniform()), shape: [TABLE, groups] },
    sizes: { data: filled(TABLE * groups, () => 0.01 + 0.3 * uniform()), shape: [TABLE, groups] },
  };
  const values = { first: AT * groups, gain, wanted: 0.625, least: 0.0625, most: 0.25 };
  return {
    name: `adapt-${nameOf({ groups, group, r })}-gain-${gain}`,
    inputs,
    build: (graph, tensors) => {
      const { outcomes, rates, sizes } = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      hmcAdapt(graph, outcomes, { rates, stepSizes: sizes }, values);
      return { rates, sizes };
    },
    reference: (round) => {
      const rates = Float64Array.from(inputs.rates.data);
      const sizes = Float64Array.from(inputs.sizes.data);
      twin.adapt({ ...values, group }, inputs.outcomes.data, rates, sizes, round);
      return { rates, sizes };
    },
  };
}

export const cases: readonly KernelCase[] = [
  ...shapes.map((shape, i) => refreshCase(shape, i % 3 === 2, 2560 + i)),
  ...shapes.map((shape, i) => leapfrogCase(shape, [HALF, WHOLE, LAST][i % 3]!, 2500 + i)),
  ...shapes.map((shape, i) => transitionCase(shape, i % 2 === 1, 2520 + i)),
  beyond,
  ...shapes.map((shape, i) => adaptCase(shape, i % 2 === 0 ? 0.5 : 0, 2540 + i)),
];
