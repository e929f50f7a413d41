/** The optimisers against known answers, five steps each, the state carried from one to the next. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../src/gpu/device.ts';
import { type HostTensor, evaluate } from '../src/graph/evaluate.ts';
import { type OptimiserSettings, adam, adamw, rmsprop, sgd } from '../src/nn/optimisers.ts';
import { OBJECTIVE_SCALARS, SCALAR_INDEX } from '../src/ops/entropic-objective.ts';
import { optimiserStateBytes, optimiserStep } from '../src/ops/optimiser.ts';
import { describeGpu } from './support/device.ts';
import { type OracleArray, maxError, oracleCases, relativeError } from './support/oracle.ts';

type Params = Readonly<Record<string, number>> & { readonly optimizer: string };

interface OptimCase {
  readonly inputs: Readonly<Record<'params0' | 'grads', OracleArray>>;
  readonly params: Params;
  readonly expected: Readonly<Record<string, OracleArray>>;
}

interface AverageCase {
  readonly inputs: Readonly<Record<'initial' | 'weights', OracleArray>>;
  readonly params: { readonly decay: number };
  readonly expected: { readonly average: OracleArray };
}

/** Our settings for an oracle's. */
function settingsOf({
  optimizer,
  lr,
  beta1,
  beta2,
  eps,
  weightDecay,
  rho,
  momentum,
}: Params): OptimiserSettings {
  switch (optimizer) {
    case 'adam':
      return adam({ rate: lr!, beta1: beta1!, beta2: beta2!, epsilon: eps! });
    case 'adamw':
      return adamw({ rate: lr!, beta1: beta1!, beta2: beta2!, epsilon: eps!, weightDecay: weightDecay! });
    case 'rmsprop':
      return rmsprop({ rate: lr!, decay: rho!, epsilon: eps! });
    case 'sgd':
      return sgd({ rate: lr!, momentum: momentum! });
    default:
      throw new Error(`no such optimiser: ${optimizer}`);
  }
}

/** Parameters come in fours. */
const padded = (values: readonly number[]): Float32Array<ArrayBuffer> => {
  const flat = new Float32Array(Math.ceil(values.length / 4) * 4);
  flat.set(values);
  return flat;
};
const row = ({ shape, data }: OracleArray, index: number): readonly number[] =>
  data.slice(index * shape[1]!, (index + 1) * shape[1]!);

const scalars = new Float32Array(OBJECTIVE_SCALARS);
scalars[SCALAR_INDEX.finite] = 1;

interface State {
  parameters: Float32Array<ArrayBuffer>;
  moments: Float32Array<ArrayBuffer>;
  average: Float32Array<ArrayBuffer>;
  count: Uint32Array<ArrayBuffer>;
  /** Not 0 once something was not finite. */
  fault: number;
}

/** One update, from arrays to arrays. */
async function step(
  device: Device,
  settings: OptimiserSettings,
  state: State,
  gradients: Float32Array<ArrayBuffer>,
  averageDecay: number,
): Promise<State> {
  const tensor = (data: HostTensor['data']): HostTensor => ({ data, shape: [data.length] });
  const { count, guard, ...rest } = await evaluate(
    device,
    {
      parameters: tensor(state.parameters),
      gradients: tensor(gradients),
      moments: tensor(state.moments),
      average: tensor(state.average),
      count: tensor(state.count),
      guard: tensor(new Uint32Array(1)),
      scalars: tensor(scalars),
    },
    (graph, tensors) => {
      optimiserStep(graph, settings, { ...tensors, averageDecay, enabled: 1 });
      const { parameters, moments, average, count: updates, guard: words } = tensors;
      return { parameters, moments, average, count: updates, guard: words };
    },
  );
  return { ...rest, count: new Uint32Array(count.buffer), fault: new Uint32Array(guard.buffer)[0]! };
}

function initialState(settings: OptimiserSettings, parameters: readonly number[], moment: number): State {
  const flat = padded(parameters);
  const bytes = optimiserStateBytes(settings, flat.length);
  return {
    parameters: flat,
    moments: new Float32Array(bytes.moments / 4).fill(moment),
    average: flat.slice(),
    count: new Uint32Array(bytes.count / 4),
    fault: 0,
  };
}

const all = oracleCases<OptimCase | AverageCase>('optim');
const isAverage = (one: OptimCase | AverageCase): one is AverageCase => 'weights' in one.inputs;

describeGpu('optimisers', (device) => {
  it.each(all.filter((one) => !isAverage(one)) as (OptimCase & { name: string })[])(
    '$name',
    async ({ inputs, params, expected }) => {
      const settings = settingsOf(params);
      const [steps, count] = inputs.grads.shape as readonly [number, number];
      let state = initialState(settings, inputs.params0.data, params['initialMeanSquare'] ?? 0);
      const size = state.parameters.length;
      for (let i = 0; i < steps; i++) {
        state = await step(device, settings, state, padded(row(inputs.grads, i)), 0);
        const wanted = row(expected['params']!, i);
        const largest = Math.max(1, ...wanted.map(Math.abs));
        expect(maxError(state.parameters.subarray(0, count), wanted)).toBeLessThan(
          1e-6 * largest + 2e-5 * settings.rate,
        );
        const moments = ['firstMoment', 'secondMoment', 'meanSquare', 'velocity'].filter(
          (name) => name in expected,
        );
        moments.forEach((name, which) => {
          const at = which * size;
          expect(
            relativeError(state.moments.subarray(at, at + count), row(expected[name]!, i)),
            name,
          ).toBeLessThan(5e-5);
        });
        expect(state.count[0]).toBe(i + 1);
      }
    },
  );

  it.each(all.filter(isAverage) as (AverageCase & { name: string })[])(
    '$name',
    async ({ inputs, params, expected }) => {
      // With a rate of 0 the parameters stay what they are, and only the average moves.
      const settings = sgd({ rate: 0 });
      const [steps, count] = inputs.weights.shape as readonly [number, number];
      let { average } = initialState(settings, inputs.initial.data, 0);
      for (let i = 0; i < steps; i++) {
        const before = { ...initialState(settings, row(inputs.weights, i), 0), average };
        const none = new Float32Array(before.parameters.length);
        ({ average } = await step(device, settings, before, none, params.decay));
        expect(relativeError(average.subarray(0, count), row(expected.average, i))).toBeLessThan(1e-6);
      }
    },
  );

  it.each([
    { gradient: 1e18, fault: 0 },
    { gradient: 1e20, fault: 1 },
  ])('$gradient: the norm is clipped while it is finite, else the fault goes up', async (one) => {
    const settings = sgd({ rate: 1, clipNorm: 1 });
    const before = initialState(settings, [0, 0, 0, 0], 0);
    const after = await step(device, settings, before, padded([one.gradient, 0, 0, -one.gradient]), 0);
    expect(after.fault).toBe(one.fault);
    const moved = one.fault === 1 ? 0 : Math.SQRT1_2;
    expect(maxError(after.parameters, [-moved, 0, 0, moved])).toBeLessThan(1e-6);
  });
});

describe('cases', () => {
  it('are all of them', () => {
    expect(all.length).toBe(10);
    expect(all.filter(isAverage).length).toBe(2);
  });
});
