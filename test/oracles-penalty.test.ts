/** The one-shot entropic objective against known answers, its identities, and its boundary. */
import { describe, expect, it } from 'vitest';
import { type EntropicObjectiveInputs, entropicObjective } from '../src/gan/entropic-objective.ts';
import { UserError } from '../src/gpu/errors.ts';
import { OBJECTIVE_COSTS, OBJECTIVE_FORMS } from '../src/ops/entropic-objective.ts';
import {
  entropicObjective as objectiveTwin,
  entropicObjectiveGradient as gradientTwin,
} from './reference/entropic-objective.ts';
import { normaliseRows, normaliseRowsGradient } from './reference/normalise-rows.ts';
import { describeGpu } from './support/device.ts';
import { type OracleArray, floats, maxError, oracleCases, relativeError } from './support/oracle.ts';
import { filled, randomOf } from './support/random.ts';

interface PenaltyCase {
  readonly inputs: Readonly<Record<'real' | 'fake' | 'criticReal' | 'criticFake', OracleArray>>;
  readonly params: Pick<EntropicObjectiveInputs, 'cost' | 'form' | 'lambda'>;
  readonly expected: Readonly<
    Record<
      'objective' | 'penalty' | 'meanP' | 'maxRowError' | 'maxColError' | 'transportCost' | 'meanPLogP',
      number
    > &
      Record<'gradCriticReal' | 'gradCriticFake' | 'gradFake', OracleArray> & { gradFakePrimal?: OracleArray }
  >;
}

function inputsOf({ inputs, params: { cost, form, lambda } }: PenaltyCase): EntropicObjectiveInputs {
  return {
    real: floats(inputs.real),
    fake: floats(inputs.fake),
    criticReal: floats(inputs.criticReal).data,
    criticFake: floats(inputs.criticFake).data,
    cost,
    form,
    lambda,
  };
}

const exactly = (x: number): number => x;
const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0) / x.length;

interface SinkhornCase {
  readonly inputs: Readonly<Record<'real' | 'fake', OracleArray>>;
  readonly params: { readonly cost: EntropicObjectiveInputs['cost']; readonly lambda: number };
  readonly expected: Readonly<
    Record<'criticReal' | 'criticFake', OracleArray> & Record<'transportCost' | 'kl' | 'otLambda', number>
  >;
}

/** A small batch whose values are multiples of 2⁻⁸, so that shifting them is exact. */
function batch(n: number, m: number, d: number, seed: number): EntropicObjectiveInputs {
  const { uniform, normal } = randomOf(seed);
  const coarse = (value: () => number) => () => Math.round(value() * 256) / 256;
  return {
    real: { data: filled(n * d, coarse(uniform)), shape: [n, d] },
    fake: { data: filled(m * d, coarse(uniform)), shape: [m, d] },
    criticReal: filled(n, coarse(normal)),
    criticFake: filled(m, coarse(normal)),
    cost: 'half-squared',
    lambda: 0.5,
    form: 'exp',
  };
}

const choices = OBJECTIVE_COSTS.flatMap((cost) => OBJECTIVE_FORMS.map((form) => ({ cost, form })));

describeGpu('the one-shot objective', (device) => {
  describe.each(['penalty', 'penalty_tiles'])('%s', (file) => {
    it.each(oracleCases<PenaltyCase>(file))('$name', async (oracle) => {
      const { expected, inputs } = oracle;
      const result = await entropicObjective(device, inputsOf(oracle));
      const extreme = oracle.name.startsWith('extreme');
      const size =
        Math.abs(expected.penalty) +
        Math.abs(mean(inputs.criticReal.data)) +
        Math.abs(mean(inputs.criticFake.data));
      const gradients = extreme ? 3e-4 : 5e-5;
      expect(Math.abs(result.objective - expected.objective)).toBeLessThan(5e-6 * size);
      expect(Math.abs(result.penalty - expected.penalty)).toBeLessThan(5e-6 * size);
      const n = inputs.real.shape[0]!;
      const m = inputs.fake.shape[0]!;
      expect(n * maxError(result.gradCriticReal, expected.gradCriticReal.data)).toBeLessThan(
        gradients * Math.max(1, expected.maxRowError),
      );
      expect(m * maxError(result.gradCriticFake, expected.gradCriticFake.data)).toBeLessThan(
        gradients * Math.max(1, expected.maxColError),
      );
      const fake = extreme ? 3e-4 : 2e-5;
      expect(relativeError(result.gradFake.data, expected.gradFake.data)).toBeLessThan(fake);
      if (expected.gradFakePrimal)
        expect(relativeError(result.gradFake.data, expected.gradFakePrimal.data)).toBeLessThan(fake);
      // The diagnostics are sums of p like the gradients above, each against the size of its terms.
      const near = (name: 'meanP' | 'maxRowError' | 'maxColError' | 'transportCost', least: number): void =>
        expect(Math.abs(result[name] - expected[name]), name).toBeLessThan(
          gradients * Math.max(least, Math.abs(expected[name])),
        );
      near('meanP', 0);
      near('maxRowError', 1);
      near('maxColError', 1);
      near('transportCost', 0);
      expect(Math.abs(result.meanPLogP - expected.meanPLogP)).toBeLessThan(
        gradients * Math.max(expected.meanP, Math.abs(expected.meanPLogP)),
      );
      expect(result.clippedPairs).toBe(0);
    });
  });

  describe('sinkhorn', () => {
    it.each(oracleCases<SinkhornCase>('sinkhorn'))('$name: optimal potentials', async (oracle) => {
      const { inputs, params, expected } = oracle;
      const result = await entropicObjective(device, {
        real: floats(inputs.real),
        fake: floats(inputs.fake),
        criticReal: floats(expected.criticReal).data,
        criticFake: floats(expected.criticFake).data,
        cost: params.cost,
        lambda: params.lambda,
        form: 'exp',
      });
      const size = params.lambda + Math.abs(expected.otLambda + params.lambda);
      expect(Math.abs(result.objective - expected.otLambda)).toBeLessThan(5e-6 * size);
      expect(Math.abs(result.meanP - 1)).toBeLessThan(5e-5);
      expect(result.maxRowError).toBeLessThan(5e-5);
      expect(result.maxColError).toBeLessThan(5e-5);
      expect(Math.abs(result.meanPLogP - expected.kl)).toBeLessThan(5e-5);
      expect(Math.abs(result.transportCost / expected.transportCost - 1)).toBeLessThan(5e-5);
      expect(Math.max(...result.gradCriticReal.map(Math.abs)) * 9).toBeLessThan(5e-5);
      expect(Math.max(...result.gradCriticFake.map(Math.abs)) * 13).toBeLessThan(5e-5);
    });
  });

  describe.each(choices)('identities of $cost, $form', (choice) => {
    const inputs = { ...batch(12, 9, 6, 31), ...choice };
    const { real, fake, criticReal, criticFake } = inputs;

    it('swapping the batches with (D₁, D₂) → (−D₂, −D₁) keeps J', async () => {
      const one = await entropicObjective(device, inputs);
      const other = await entropicObjective(device, {
        ...inputs,
        real: fake,
        fake: real,
        criticReal: criticFake.map((x) => -x),
        criticFake: criticReal.map((x) => -x),
      });
      expect(Math.abs(one.objective - other.objective)).toBeLessThan(5e-6 * (1 + Math.abs(one.penalty)));
      expect(
        maxError(
          one.gradCriticReal,
          other.gradCriticFake.map((x) => -x),
        ),
      ).toBeLessThan(5e-6);
    });

    // The cosine cost measures angles at the origin.
    it.skipIf(choice.cost === 'cosine')(
      'translating both batches keeps J, to the bit where the translation is exact',
      async () => {
        const moved = (x: typeof real): typeof real => ({ ...x, data: x.data.map((value) => value + 2) });
        const one = await entropicObjective(device, inputs);
        expect(await entropicObjective(device, { ...inputs, real: moved(real), fake: moved(fake) })).toEqual(
          one,
        );
      },
    );

    it('permuting the fakes permutes their gradients and keeps J', async () => {
      const d = fake.shape[1]!;
      const reversed = (data: Float32Array<ArrayBuffer>, size: number): Float32Array<ArrayBuffer> =>
        filled(data.length, (i) => data[data.length - size - (i - (i % size)) + (i % size)]!);
      const one = await entropicObjective(device, inputs);
      const other = await entropicObjective(device, {
        ...inputs,
        fake: { ...fake, data: reversed(fake.data, d) },
        criticFake: reversed(criticFake, 1),
      });
      expect(Math.abs(one.objective - other.objective)).toBeLessThan(5e-6 * (1 + Math.abs(one.penalty)));
      expect(relativeError(reversed(other.gradFake.data, d), one.gradFake.data)).toBeLessThan(5e-6);
    });
  });

  it('logmeanexp does not change with a shift of the critics; exp at its best shift is logmeanexp', async () => {
    const inputs = { ...batch(12, 9, 6, 32), form: 'logmeanexp' as const };
    const one = await entropicObjective(device, inputs);
    const shifted = { ...inputs, criticReal: inputs.criticReal.map((x) => x + 4) };
    expect(Math.abs((await entropicObjective(device, shifted)).objective - one.objective)).toBeLessThan(3e-5);
    // max over c of (mean D₁ + c) − mean D₂ − λ e^{c/λ} mean exp(v/λ − 1) is reached where mean p = 1.
    const exp = await entropicObjective(device, { ...inputs, form: 'exp' });
    const best = await entropicObjective(device, {
      ...inputs,
      form: 'exp',
      criticReal: inputs.criticReal.map((x) => x - inputs.lambda * Math.log(exp.meanP)),
    });
    expect(Math.abs(best.objective - one.objective)).toBeLessThan(2e-5);
  });

  it('clips exponents of the exp form at 40, and says how many', async () => {
    const inputs = batch(5, 4, 3, 33);
    const result = await entropicObjective(device, {
      ...inputs,
      criticReal: inputs.criticReal.map((x, i) => (i === 2 ? x + 100 : x)),
    });
    expect(result.clippedPairs).toBe(4);
    expect(Math.abs(result.meanP / (Math.exp(40) / 5) - 1)).toBeLessThan(1e-4);
  });

  describe('the cosine cost', () => {
    const drawn = batch(12, 9, 6, 35);
    const inputs: EntropicObjectiveInputs = {
      ...drawn,
      criticReal: drawn.criticReal.map((x) => x + 20), // the hinge couples some pairs
      cost: 'cosine',
      lambda: 20,
    };

    /** J and ∂J/∂ŷ of the raw samples in float64, the cosine by its definition. */
    const twin = (fake: ArrayLike<number>, form: EntropicObjectiveInputs['form']) => {
      const [n, m, d] = [12, 9, 6];
      const real = normaliseRows(n, d, inputs.real.data, exactly).unit;
      const normalised = normaliseRows(m, d, fake, exactly);
      const { criticReal, criticFake, cost, lambda } = inputs;
      const pairs = { n, m, d, real, fake: normalised.unit, criticReal, criticFake, cost, lambda, form };
      const { objective, p } = objectiveTwin(pairs, exactly);
      const gradient = normaliseRowsGradient(gradientTwin(pairs, p, exactly), normalised, exactly);
      return { objective, gradient };
    };

    it.each(OBJECTIVE_FORMS)(
      'has its gradient with respect to the samples as they were given: %s',
      async (form) => {
        const fake = Float64Array.from(inputs.fake.data);
        const { objective, gradient } = twin(fake, form);
        const h = 1e-4;
        const differences = fake.map((value, i) => {
          const at = (step: number): number => twin(fake.with(i, value + step), form).objective;
          return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
        });
        expect(relativeError(differences, gradient)).toBeLessThan(1e-7);
        const result = await entropicObjective(device, { ...inputs, form });
        expect(relativeError(result.gradFake.data, gradient)).toBeLessThan(2e-5);
        expect(Math.abs(result.objective - objective)).toBeLessThan(5e-6 * (100 + Math.abs(objective)));
      },
    );

    it('does not see the length of a sample', async () => {
      const one = await entropicObjective(device, inputs);
      const longer = { ...inputs.fake, data: inputs.fake.data.map((x) => 4 * x) };
      const other = await entropicObjective(device, { ...inputs, fake: longer });
      expect(other.objective).toBe(one.objective);
      expect([...other.gradFake.data]).toEqual([...one.gradFake.data].map((x) => x / 4));
    });

    it('is 100 where a sample is zero, and has no gradient there', async () => {
      const single = { data: Float32Array.of(1, 2), shape: [1, 2] };
      const zero = { data: new Float32Array(2), shape: [1, 2] };
      const critics = { criticReal: Float32Array.of(0), criticFake: Float32Array.of(0) };
      const options = { ...critics, cost: 'cosine', lambda: 50, form: 'logmeanexp' } as const;
      for (const [real, fake] of [
        [single, zero],
        [zero, single],
        [zero, zero],
      ] as const) {
        const { transportCost, gradFake } = await entropicObjective(device, { ...options, real, fake });
        expect(transportCost).toBe(100);
        expect([...gradFake.data].map(Math.abs)).toEqual([0, 0]);
      }
    });
  });

  describe('bad input', () => {
    const good = batch(4, 3, 2, 34);
    const bad: readonly (readonly [string, Partial<EntropicObjectiveInputs>, RegExp])[] = [
      ['λ = 0', { lambda: 0 }, /lambda is 0; must be a positive number/],
      ['λ < 0', { lambda: -2 }, /lambda is -2/],
      ['λ not a number', { lambda: NaN }, /lambda is NaN/],
      [
        'cost',
        { cost: 'angle' as 'l1' },
        /unknown cost "angle"; use one of l1, squared, half-squared, cosine/,
      ],
      ['form', { form: 'log' as 'exp' }, /unknown form "log"; use one of exp, logmeanexp, hinge/],
      ['length', { real: { ...good.real, shape: [4, 3] } }, /real has 8 values; its shape \[4, 3\] needs 12/],
      ['no rows', { real: { data: new Float32Array(), shape: [0, 2] } }, /real has the shape \[0, 2\]/],
      [
        'sample sizes',
        { fake: { data: new Float32Array(9), shape: [3, 3] } },
        /real is \[4, 2\], fake is \[3, 3\]; fake must have 2 columns/,
      ],
      ['critic', { criticReal: new Float32Array(3) }, /criticReal has 3 values; must have 4/],
      [
        'NaN',
        { fake: { ...good.fake, data: Float32Array.of(1, 2, NaN, 4, 5, 6) } },
        /fake holds NaN at index 2; all values must be finite/,
      ],
      [
        'overflow',
        { fake: { ...good.fake, data: new Float32Array(6).fill(1e30) } },
        /leave the range of float32 at lambda 0.5; scale the samples/,
      ],
    ];
    it.each(bad)('%s', async (_name, change, message) => {
      const result = entropicObjective(device, { ...good, ...change });
      await expect(result).rejects.toThrow(UserError);
      await expect(result).rejects.toThrow(message);
      expect(device.liveBuffers).toBe(0);
    });
  });
});
