/**
 * The Wasserstein objectives of a training step, with one critic D = D₂ for real and generated samples alike:
 *   J = mean D(y) − mean D(ŷ) − penalty
 *   wgan      no penalty; the optimiser bounds D's weights instead              Arjovsky, Chintala & Bottou, ICML 2017
 *   wgan-gp   10·mean_i (‖∇D(x̂_i)‖ − 1)²,  x̂_i = ε_i·y_i + (1 − ε_i)·ŷ_i,  ε_i ~ U(0, 1]       Gulrajani et al., NeurIPS 2017
 * The critic climbs J, the generator descends −mean D(ŷ). The penalty's gradient goes through ∇D, which is itself a
 * backward pass, differentiated again.
 */
import { backward } from '../graph/backward.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { fill } from '../ops/fill.ts';
import { gradientPenalty } from '../ops/gradient-penalty.ts';
import { interpolate } from '../ops/interpolate.ts';
import { addGradients } from '../ops/product.ts';
import { threefryUniform } from '../ops/threefry.ts';
import { wasserstein } from '../ops/wasserstein.ts';
import type { TrainerSettings } from './settings.ts';
import type { Forward, Loss } from './steps.ts';
import { STREAMS } from './streams.ts';

/** What the mean of the penalties is multiplied by. */
const PENALTY_WEIGHT = 10;

/** −J, which the critic descends. */
export function wassersteinCriticLoss(
  graph: Graph,
  settings: TrainerSettings,
  begun: Forward,
  guard: Tensor,
): Loss {
  const { criticReal, criticFake } = begun;
  const penalty = settings.objective === 'wgan-gp' ? slopePenalty(graph, settings, begun) : undefined;
  const { scalars, gradCriticReal, gradCriticFake } = wasserstein(graph, {
    criticReal,
    criticFake,
    ...(penalty ? { penalty: { values: penalty.values, weight: PENALTY_WEIGHT } } : {}),
    sign: -1,
    guard,
  });
  return {
    scalars,
    seeds: [
      [criticReal, gradCriticReal],
      [criticFake, gradCriticFake],
      ...(penalty ? [[penalty.slopes, penalty.gradient] as const] : []),
    ],
  };
}

/** J without the penalty, which is the critic's alone (Gulrajani et al., algorithm 1). */
export function wassersteinGeneratorLoss(
  graph: Graph,
  _settings: TrainerSettings,
  { criticReal, criticFake }: Forward,
  guard: Tensor,
): Loss {
  const { scalars, gradCriticFake } = wasserstein(graph, { criticReal, criticFake, sign: 1, guard });
  return { scalars, seeds: [[criticFake, gradCriticFake]] };
}

/** ∇D at points between real and generated samples, how far their norms are from 1, and the gradient of the penalty by them. */
function slopePenalty(
  graph: Graph,
  { batch, seed }: TrainerSettings,
  { real, fake, critic }: Forward,
): { readonly slopes: Tensor; readonly values: Tensor; readonly gradient: Tensor } {
  const epsilon = threefryUniform(graph, 'epsilon', [batch], {
    key: [seed, STREAMS.interpolation],
    counter: { step: 'draw' },
  });
  const between = interpolate(graph, real, fake, epsilon);
  const values = critic(between);
  const [slopes] = backward(graph, [[values, fill(graph, values.shape, 1)]], [between], addGradients, {
    differentiable: true,
  });
  if (!slopes) throw new Error('training: the critic does not depend on its input');
  return { slopes, ...gradientPenalty(graph, slopes, PENALTY_WEIGHT / batch) };
}
