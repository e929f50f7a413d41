/**
 * Cases of the optimisers: sizes around a workgroup's 2048 elements, three steps in a row, clipping, bounded weights, the
 * moving average, everything that stops an update: the skip rule, `enabled`, an objective or a gradient that is not finite; and
 * the scale of the loss, which an overflow halves and 2 000 updates without one double, within 1 and 2²⁴.
 */
import { type OptimiserSettings, adam, adamw, rmsprop, sgd } from '../../src/nn/optimisers.ts';
import { OBJECTIVE_SCALARS, SCALAR_INDEX } from '../../src/ops/entropic-objective.ts';
import { FAULT_WORDS, LOSS_SCALE_WORDS } from '../../src/ops/guard.ts';
import { optimiserStateBytes, optimiserStep } from '../../src/ops/optimiser.ts';
import * as twin from '../reference/optimiser.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly name: string;
  readonly size: number;
  readonly choice: OptimiserSettings;
  /** Steps with the same gradients. */
  readonly steps?: number;
  readonly averageDecay?: number;
  readonly skipRule?: boolean;
  readonly enabled?: boolean;
  readonly finite?: boolean;
  readonly meanCriticFake?: number;
  /** Gradients of that size, of which some are not finite. */
  readonly broken?: boolean;
  /** The scale of the loss, and the updates since it last changed. */
  readonly scaling?: { readonly scale: number; readonly sound: number };
  readonly bench?: boolean;
}

/** Where the guard has the scale of the loss. */
const SCALE_AT = FAULT_WORDS;

const choices: Readonly<Record<string, (clipNorm: number) => OptimiserSettings>> = {
  adam: (clipNorm) => adam({ rate: 2e-4, beta1: 0.5, beta2: 0.99, clipNorm }),
  adamw: (clipNorm) => adamw({ rate: 1e-3, weightDecay: 0.05, clipNorm }),
  rmsprop: (clipNorm) => rmsprop({ rate: 1e-3, clipNorm }),
  sgd: (clipNorm) => sgd({ rate: 0.01, momentum: 0.9, clipNorm }),
};

const shapes: readonly Shape[] = Object.entries(choices).flatMap(([kind, make]): Shape[] => [
  { name: `${kind}-4`, size: 4, choice: make(0) },
  { name: `${kind}-2044`, size: 2044, choice: make(0) },
  { name: `${kind}-2048-average`, size: 2048, choice: make(0), averageDecay: 0.9 },
  { name: `${kind}-2052-three-steps`, size: 2052, choice: make(0), steps: 3, averageDecay: 0.999 },
  { name: `${kind}-clipped`, size: 5000, choice: make(1), averageDecay: 0.9 },
  { name: `${kind}-scaled`, size: 100, choice: make(0), scaling: { scale: 1024, sound: 3 }, bench: false },
  {
    name: `${kind}-scaled-and-clipped`,
    size: 100,
    choice: make(0.001),
    scaling: { scale: 1024, sound: 3 },
    bench: false,
  },
  ...[
    { name: 'not-yet-doubled', scale: 8, sound: 1996, steps: 3 },
    { name: 'doubled', scale: 8, sound: 1998, steps: 3 },
    { name: 'not-doubled-beyond-most', scale: 2 ** 24, sound: 1999 },
    { name: 'halved', scale: 8, sound: 7, steps: 2, broken: true },
    { name: 'not-halved-beyond-least', scale: 2, sound: 7, steps: 2, broken: true },
  ].map(({ name, scale, sound, ...rest }): Shape => ({
    name: `${kind}-scale-${name}`,
    size: 2500,
    choice: make(0),
    scaling: { scale, sound },
    averageDecay: 0.9,
    bench: false,
    ...rest,
  })),
  ...[
    { name: 'skipped', skipRule: true, meanCriticFake: 1 },
    { name: 'not-enabled', enabled: false },
    { name: 'objective-not-finite', finite: false },
    { name: 'halved-where-clipped', choice: make(1) },
  ].map((rest): Shape => ({
    size: 2500,
    choice: make(0),
    scaling: { scale: 8, sound: 1999 },
    broken: true,
    averageDecay: 0.9,
    bench: false,
    ...rest,
    name: `${kind}-scale-${rest.name}`,
  })),
  { name: `${kind}-below-the-clip`, size: 100, choice: make(1e4) },
  { name: `${kind}-large`, size: 200_000, choice: make(10), averageDecay: 0.999 },
  {
    name: `${kind}-bounded`,
    size: 2052,
    choice: { ...make(0), weightBound: 0.01 },
    steps: 2,
    averageDecay: 0.9,
    bench: false,
  },
  {
    name: `${kind}-skipped`,
    size: 100,
    choice: make(0),
    skipRule: true,
    meanCriticFake: 1,
    averageDecay: 0.9,
    bench: false,
  },
  { name: `${kind}-not-skipped`, size: 100, choice: make(0), skipRule: true, bench: false },
  {
    name: `${kind}-not-enabled`,
    size: 100,
    choice: make(1),
    enabled: false,
    averageDecay: 0.9,
    bench: false,
  },
  { name: `${kind}-objective-not-finite`, size: 100, choice: make(0), finite: false, steps: 2, bench: false },
  {
    name: `${kind}-gradient-not-finite`,
    size: 100,
    choice: make(0),
    broken: true,
    steps: 2,
    averageDecay: 0.9,
    bench: false,
  },
]);

function caseOf(shape: Shape, seed: number): KernelCase {
  const { size, choice, steps = 1, averageDecay, skipRule = false, enabled = true, finite = true } = shape;
  const { meanCriticFake = 0.25, broken = false, scaling } = shape;
  const { normal } = randomOf(seed);
  const bytes = optimiserStateBytes(choice, size);
  const gradients = filled(size, normal);
  if (broken) for (const [i, value] of [NaN, Infinity, -Infinity].entries()) gradients[7 * i] = value;
  /** Of the objective before a step, which the gradients are multiplied by. */
  const scalarsOf = (scale: number): Float32Array<ArrayBuffer> => {
    const scalars = new Float32Array(OBJECTIVE_SCALARS);
    scalars[SCALAR_INDEX.finite] = Number(finite);
    scalars[SCALAR_INDEX.meanCriticReal] = 0.5;
    scalars[SCALAR_INDEX.meanCriticFake] = meanCriticFake;
    scalars[SCALAR_INDEX.gradientScale] = -scale;
    return scalars;
  };
  const guard = guardWords({ fault: 0, ...(scaling ? { scaling: { ...scaling, overflows: 0 } } : {}) });
  const before = 3; // updates made before
  const inputs = {
    parameters: { data: filled(size, normal), shape: [size] },
    gradients: { data: gradients, shape: [size] },
    moments: { data: filled(bytes.moments / 4, () => Math.abs(normal())), shape: [bytes.moments / 4] },
    average: { data: filled(size, normal), shape: [size] },
    count: { data: new Uint32Array(bytes.count / 4).fill(before), shape: [bytes.count / 4] },
    guard: { data: guard, shape: [guard.length] },
  };
  const scales = scaling ? scalesOf(scaling, gradients, steps) : Array.from({ length: steps }, () => 1);
  const objectives = Object.fromEntries(
    scales.map((scale, i) => [`scalars${i}`, { data: scalarsOf(scale), shape: [OBJECTIVE_SCALARS] }]),
  );
  return {
    name: shape.name,
    inputs: { ...inputs, ...objectives },
    build: (graph, tensors) => {
      const { average, ...rest } = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      for (let i = 0; i < steps; i++)
        optimiserStep(graph, choice, {
          ...rest,
          scalars: tensors[`scalars${i}`]!,
          ...(averageDecay === undefined ? {} : { average, averageDecay }),
          skipRule,
          enabled: Number(enabled),
          ...(scaling ? { lossScaleAt: SCALE_AT } : {}),
        });
      const { parameters, moments, count, guard: words } = rest;
      return {
        parameters,
        moments,
        count,
        guard: words,
        ...(averageDecay === undefined ? {} : { average }),
      };
    },
    reference: (round) => {
      const state: twin.OptimiserState = {
        parameters: Float64Array.from(inputs.parameters.data),
        moments: Float64Array.from(inputs.moments.data),
        average: Float64Array.from(inputs.average.data),
        count: before,
        fault: 0,
        ...(scaling ? { scaling: { ...scaling, overflows: 0 } } : {}),
      };
      for (let i = 0; i < steps; i++)
        twin.optimiserStep(
          choice,
          state,
          {
            gradients,
            averageDecay: averageDecay ?? 0,
            skipRule,
            enabled,
            finite,
            meanCriticReal: 0.5,
            meanCriticFake,
          },
          round,
        );
      const { parameters, moments, average } = state;
      return {
        parameters,
        moments,
        count: new Float64Array(bytes.count / 4).fill(state.count),
        guard: guardWords(state),
        ...(averageDecay === undefined ? {} : { average }),
      };
    },
    quantities: { guard: [...guard.keys()].map(String) },
    ...(shape.bench === undefined ? {} : { bench: shape.bench }),
  };
}

/** The scale of the loss in each of some steps with the same gradients. */
function scalesOf(
  start: NonNullable<Shape['scaling']>,
  gradients: ArrayLike<number>,
  steps: number,
): readonly number[] {
  const scaling = { ...start, overflows: 0 };
  return Array.from({ length: steps }, () => {
    const { scale } = scaling;
    twin.adaptScale(scaling, gradients);
    return scale;
  });
}

/** The guard's words: the fault, and the scale of the loss where it has one. */
function guardWords({
  fault,
  scaling,
}: Pick<twin.OptimiserState, 'fault' | 'scaling'>): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(SCALE_AT + LOSS_SCALE_WORDS);
  words[0] = fault;
  if (scaling) {
    new Float32Array(words.buffer)[SCALE_AT] = scaling.scale;
    words[SCALE_AT + 1] = scaling.sound;
    words[SCALE_AT + 2] = scaling.overflows;
  }
  return words;
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 1000 + i));
