/** The entropic objective for arrays that the caller has: one call, arrays in and out; for networks of the caller's own. */
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { backward } from '../graph/backward.ts';
import { evaluate } from '../graph/evaluate.ts';
import type { Tensor } from '../graph/graph.ts';
import { type FloatMatrix, checkMatrix, checkVector } from '../nn/matrix.ts';
import {
  OBJECTIVE_COSTS,
  OBJECTIVE_FORMS,
  type ObjectiveCost,
  type ObjectiveForm,
  decodeObjectiveScalars,
  entropicObjective as emitObjective,
  entropicObjectiveGradient,
  mostSamples,
  seenByCost,
} from '../ops/entropic-objective.ts';
import { addGradients } from '../ops/product.ts';

export interface EntropicObjectiveInputs {
  /** Data y, [n, d]. */
  readonly real: FloatMatrix;
  /** Generated samples ŷ, [m, d]. */
  readonly fake: FloatMatrix;
  /** D₁(y), n values. */
  readonly criticReal: Float32Array<ArrayBuffer>;
  /** D₂(ŷ), m values. */
  readonly criticFake: Float32Array<ArrayBuffer>;
  /** l(y, ŷ); cosine is 100·(1 − y·ŷ/(‖y‖‖ŷ‖)), and 100 where a row is zero. */
  readonly cost: ObjectiveCost;
  /** λ > 0, in units of the cost. */
  readonly lambda: number;
  /** How the coupling is regularised. */
  readonly form: ObjectiveForm;
}

/** J, the diagnostics of its coupling p, and the gradients of J: critics climb them, generators go down. */
export interface EntropicObjective {
  /** J = mean D₁ − mean D₂ − penalty, in units of the cost. */
  readonly objective: number;
  readonly penalty: number;
  /** 1 at the optimum, as are all row and column means of p. */
  readonly meanP: number;
  readonly maxRowError: number;
  readonly maxColError: number;
  /** Mean p·log p in nats: the KL of the coupling to the product of its marginals, where meanP is 1. */
  readonly meanPLogP: number;
  /** Mean p·l, in units of the cost. */
  readonly transportCost: number;
  /** Pairs of the exp form whose exponent was above 40 and clipped to it. */
  readonly clippedPairs: number;
  /** ∂J/∂D₁, n values. */
  readonly gradCriticReal: Float32Array<ArrayBuffer>;
  /** ∂J/∂D₂, m values. */
  readonly gradCriticFake: Float32Array<ArrayBuffer>;
  /** ∂J/∂ŷ through the cost alone, [m, d]; the path through D₂ is the caller's. */
  readonly gradFake: FloatMatrix;
}

/**
 * The entropic objective over all n·m pairs of a batch. With p = exp(v/λ − 1), v = D₁(y) − D₂(ŷ) − l(y, ŷ), the exp form
 * is J = mean D₁ − mean D₂ − λ·mean p; logmeanexp and hinge are in shaders/entropic_objective_finish.wgsl.
 * Nothing of size n × m is stored. Source: Balaji et al., ICML 2019; hinge: Sanjabi et al., NeurIPS 2018.
 * @throws UserError on shapes that disagree, values that are not finite, an unknown cost or form, λ ≤ 0, or costs beyond
 *   float32.
 */
export async function entropicObjective(
  device: Device,
  inputs: EntropicObjectiveInputs,
): Promise<EntropicObjective> {
  const { real, fake, criticReal, criticFake, cost, lambda, form } = inputs;
  check(device, inputs);
  const { scalars, gradCriticReal, gradCriticFake, gradFake } = await evaluate(
    device,
    {
      real,
      fake,
      criticReal: { data: criticReal, shape: [criticReal.length] },
      criticFake: { data: criticFake, shape: [criticFake.length] },
    },
    (graph, tensors) => {
      const seen = {
        real: seenByCost(graph, cost, tensors.real),
        fake: seenByCost(graph, cost, tensors.fake),
      };
      const pairs = { ...tensors, ...seen, cost, form, lambda };
      const objective = emitObjective(graph, { ...pairs, sign: 1 });
      const direct = entropicObjectiveGradient(graph, { ...pairs, scalars: objective.scalars });
      const [gradFake] = backward(graph, [[seen.fake, direct]], [tensors.fake], addGradients);
      return { ...objective, gradFake: gradFake as Tensor };
    },
  );
  const { finite, meanCriticReal: _, meanCriticFake: __, ...values } = decodeObjectiveScalars(scalars);
  if (!finite)
    throw new UserError(
      `entropicObjective: the objective is ${values.objective}: costs or exponents leave the range of float32 at lambda ${lambda}; scale the samples and critics down, or raise lambda`,
    );
  return { ...values, gradCriticReal, gradCriticFake, gradFake: { data: gradFake, shape: fake.shape } };
}

function check(device: Device, inputs: EntropicObjectiveInputs): void {
  const caller = 'entropicObjective';
  const { real, fake, criticReal, criticFake, cost, lambda, form } = inputs;
  if (!OBJECTIVE_COSTS.includes(cost))
    throw new UserError(
      `${caller}: unknown cost ${JSON.stringify(cost)}; use one of ${OBJECTIVE_COSTS.join(', ')}`,
    );
  if (!OBJECTIVE_FORMS.includes(form))
    throw new UserError(
      `${caller}: unknown form ${JSON.stringify(form)}; use one of ${OBJECTIVE_FORMS.join(', ')}`,
    );
  if (!(lambda > 0 && Number.isFinite(lambda)))
    throw new UserError(`${caller}: lambda is ${lambda}; must be a positive number, in units of the cost`);
  const [n, d] = checkMatrix(caller, 'real', real);
  const [m, ofFake] = checkMatrix(caller, 'fake', fake);
  if (d !== ofFake)
    throw new UserError(
      `${caller}: sample sizes differ: real is [${n}, ${d}], fake is [${m}, ${ofFake}]; fake must have ${d} columns`,
    );
  checkVector(caller, 'criticReal', criticReal, n, 'one for each row of real');
  checkVector(caller, 'criticFake', criticFake, m, 'one for each row of fake');
  const bytes = device.gpu.limits.maxStorageBufferBindingSize;
  const most = mostSamples(bytes, d);
  if (Math.max(n, m) > most)
    throw new UserError(
      `${caller}: real is [${n}, ${d}], fake is [${m}, ${d}]; this device takes at most ${most} samples of ${d} values at once; use a smaller batch`,
    );
}
