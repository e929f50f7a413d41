/**
 * The two steps of training as graphs, and their recordings.
 *   critic step:     real batch, fakes G(x), D₁(real), D₂(fake), objective J and ∂J/∂D, backward to the critics' weights, update
 *   generator step:  the same forward; ∂J/∂ŷ directly through the cost and, for the dual loss, through D₂ as well;
 *                    backward to the generator's weights, update
 * The entropic objective is here; those with a single critic in the place of both are in `wasserstein-steps.ts`.
 */
import type { Recording } from '../gpu/recording.ts';
import type { Target } from '../gpu/target.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { backward } from '../graph/backward.ts';
import { schedule } from '../graph/schedule.ts';
import { sizeOf } from '../graph/graph.ts';
import type { Networks } from '../nn/architectures.ts';
import {
  type Parameter,
  type ParameterLayout,
  type Stack,
  applyStack,
  parameterTensors,
} from '../nn/layers.ts';
import {
  type Pairs,
  entropicObjective,
  entropicObjectiveGradient,
  seenByCost,
} from '../ops/entropic-objective.ts';
import { gatherBatch } from '../ops/gather.ts';
import { addGradients } from '../ops/product.ts';
import { optimiserStateBytes, optimiserStep } from '../ops/optimiser.ts';
import { threefryNormal } from '../ops/threefry.ts';
import type { NetworkName } from './checkpoint.ts';
import type { ResidentData } from './resident-data.ts';
import type { TrainerSettings } from './settings.ts';
import { STREAMS } from './streams.ts';
import { GUARD_WORDS, STATUS_OFFSETS, lossScaleAt } from './training-buffers.ts';
import { wassersteinCriticLoss, wassersteinGeneratorLoss } from './wasserstein-steps.ts';

export type StepName = 'critic' | 'generator';

/** The step params of the `index`-th batch drawn since the start: its latents' counter, and where it starts in which epoch. */
export function drawValues(
  index: number,
  batch: number,
  count: number,
): Record<'draw' | 'epoch' | 'offset', number> {
  const position = index * batch;
  return { draw: index, epoch: Math.floor(position / count), offset: position % count };
}

/** Both steps, over the buffers of `training-buffers.ts` and `data`. */
export function stepGraphs(
  settings: TrainerSettings,
  networks: Networks,
  data: ResidentData,
): Record<StepName, Graph> {
  return {
    critic: criticStep(settings, networks, data),
    generator: generatorStep(settings, networks, data),
  };
}

/** Both steps on a target. */
export function stepRecordings(
  { critic, generator }: Record<StepName, Graph>,
  target: Target,
): Record<StepName, Recording> {
  return {
    critic: schedule(critic, target).recording,
    generator: schedule(generator, target).recording,
  };
}

/** What both steps begin with, whatever the objective. */
export interface Forward {
  /** y and ŷ, [batch, d]. */
  readonly real: Tensor;
  readonly fake: Tensor;
  /** D₁(y), or D₂(y) where the objective has one critic; D₂(ŷ). */
  readonly criticReal: Tensor;
  readonly criticFake: Tensor;
  /** D₂ of other samples. */
  readonly critic: (x: Tensor) => Tensor;
  readonly generatorWeights: ReadonlyMap<string, Tensor>;
  readonly criticWeights: ReadonlyMap<string, Tensor>;
}

/** What an objective makes of them: its scalars, and the gradients that the backward pass starts from. */
export interface Loss {
  readonly scalars: Tensor;
  readonly seeds: readonly (readonly [Tensor, Tensor])[];
}

function forward(graph: Graph, settings: TrainerSettings, networks: Networks, data: ResidentData): Forward {
  const { model, batch, seed } = settings;
  const d = sizeOf(model.sample);
  const real = gatherBatch(graph, {
    data: graph.external(
      'data',
      [data.words],
      { buffer: 'data', offset: 0 },
      data.kind === 'bytes' ? 'u32' : 'f32',
    ),
    kind: data.kind,
    count: data.count,
    scale: data.scale,
    batch,
    size: d,
    key: [seed, STREAMS.batches],
    epoch: { step: 'epoch' },
    offset: { step: 'offset' },
  });
  const latents = threefryNormal(graph, 'latents', [batch, model.latent], {
    key: [seed, STREAMS.latents],
    counter: { step: 'draw' },
  });
  const generatorWeights = parameterTensors(graph, networks.generator.layout, 'generator.parameters');
  const criticWeights = parameterTensors(graph, networks.critic.layout, 'critic.parameters');
  const fake = applyStack(graph, networks.generator.stack, generatorWeights, latents);
  const { trunk, real: headReal, fake: headFake } = networks.critic;
  const criticOf = (head: Stack, x: Tensor): Tensor =>
    applyStack(graph, head, criticWeights, trunk ? applyStack(graph, trunk, criticWeights, x) : x);
  const critic = (x: Tensor): Tensor => criticOf(headFake, x);
  const criticReal = settings.objective === 'entropic' ? criticOf(headReal, real) : critic(real);
  return { real, fake, criticReal, criticFake: critic(fake), critic, generatorWeights, criticWeights };
}

/** The scalars of the objective, put where reports read them. */
function placeScalars(graph: Graph, scalars: Tensor, step: StepName): void {
  graph.place(scalars, { buffer: 'status', offset: STATUS_OFFSETS[step] });
}

function criticStep(settings: TrainerSettings, networks: Networks, data: ResidentData): Graph {
  const graph = new Graph();
  const begun = forward(graph, settings, networks, data);
  const lossOf = settings.objective === 'entropic' ? entropicCriticLoss : wassersteinCriticLoss;
  const { scalars, seeds } = lossOf(graph, settings, begun, guardOf(graph));
  placeScalars(graph, scalars, 'critic');
  const gradients = backward(graph, seeds, [...begun.criticWeights.values()], addGradients);
  update(graph, settings, 'critic', networks.critic.layout, gradients, scalars);
  return graph;
}

function generatorStep(settings: TrainerSettings, networks: Networks, data: ResidentData): Graph {
  const graph = new Graph();
  const begun = forward(graph, settings, networks, data);
  const lossOf = settings.objective === 'entropic' ? entropicGeneratorLoss : wassersteinGeneratorLoss;
  const { scalars, seeds } = lossOf(graph, settings, begun, guardOf(graph));
  placeScalars(graph, scalars, 'generator');
  const gradients = backward(graph, seeds, [...begun.generatorWeights.values()], addGradients);
  update(graph, settings, 'generator', networks.generator.layout, gradients, scalars);
  return graph;
}

/** The pairs of a batch, its samples as the cost takes them. */
function pairsOf(
  graph: Graph,
  { cost, form }: TrainerSettings,
  { real, fake, criticReal, criticFake }: Forward,
): Pairs {
  const seen = { real: seenByCost(graph, cost, real), fake: seenByCost(graph, cost, fake) };
  return { ...seen, criticReal, criticFake, cost, form, lambda: { step: 'lambda' } };
}

/**
 * In mixed precision the losses have scales: gradients of a mean over a batch would else lie among the least numbers of f16,
 * 6e-8 to 6e-5.
 */
function lossScaleOf(
  { precision }: TrainerSettings,
  network: NetworkName,
): { readonly lossScaleAt?: number } {
  return precision === 'mixed' ? { lossScaleAt: lossScaleAt(network) } : {};
}

/** −J, which the critics descend. */
function entropicCriticLoss(graph: Graph, settings: TrainerSettings, begun: Forward, guard: Tensor): Loss {
  const { criticReal, criticFake } = begun;
  const objective = entropicObjective(graph, {
    ...pairsOf(graph, settings, begun),
    sign: -1,
    guard,
    ...lossScaleOf(settings, 'critic'),
  });
  return {
    scalars: objective.scalars,
    seeds: [
      [criticReal, objective.gradCriticReal],
      [criticFake, objective.gradCriticFake],
    ],
  };
}

/** J, or for the primal loss the transport cost under the coupling. */
function entropicGeneratorLoss(graph: Graph, settings: TrainerSettings, begun: Forward, guard: Tensor): Loss {
  const pairs = pairsOf(graph, settings, begun);
  const { scalars, gradCriticFake } = entropicObjective(graph, {
    ...pairs,
    sign: 1,
    guard,
    ...lossScaleOf(settings, 'generator'),
  });
  const direct = entropicObjectiveGradient(graph, { ...pairs, scalars });
  return {
    scalars,
    seeds: [
      [pairs.fake, direct],
      ...(settings.generatorLoss === 'dual' ? [[begun.criticFake, gradCriticFake] as const] : []),
    ],
  };
}

/** Written by the optimisers, seen by the objectives. */
function guardOf(graph: Graph): Tensor {
  return graph.external('guard', [GUARD_WORDS], { buffer: 'guard', offset: 0 }, 'u32');
}

/** The optimiser's step on a network, predicated on the objective's being finite and, if wanted, on the skip rule. */
function update(
  graph: Graph,
  settings: TrainerSettings,
  network: NetworkName,
  layout: ParameterLayout,
  gradients: readonly (Tensor | undefined)[],
  scalars: Tensor,
): void {
  layout.parameters.forEach((parameter, i) => {
    const gradient = gradients[i];
    if (!gradient && isLeftOut(settings, network, parameter)) return;
    if (!gradient) throw new Error(`training: ${network}.${parameter.name} has no gradient`);
    graph.place(gradient, { buffer: `${network}.gradients`, offset: parameter.offset });
  });
  const size = layout.bytes / 4;
  const state = optimiserStateBytes(settings[network], size);
  const flat = (name: string, bytes: number, type: 'f32' | 'u32' = 'f32'): Tensor =>
    graph.external(`${network}.${name}`, [bytes / 4], { buffer: `${network}.${name}`, offset: 0 }, type);
  const average = network === 'generator' && settings.averageDecay > 0;
  optimiserStep(graph, settings[network], {
    parameters: flat('parameters', layout.bytes),
    gradients: flat('gradients', layout.bytes),
    moments: flat('moments', state.moments),
    count: flat('count', state.count, 'u32'),
    guard: guardOf(graph),
    scalars,
    ...(average ? { average: flat('average', layout.bytes), averageDecay: { step: 'averageDecay' } } : {}),
    skipRule: network === 'generator' && settings.skipRule,
    enabled: { step: 'enabled' },
    ...lossScaleOf(settings, network),
  });
}

/** Whether a parameter is of D₁'s own layers while the objective has D₂ alone: its gradient stays the zeros it began as. */
function isLeftOut({ objective }: TrainerSettings, network: NetworkName, { name }: Parameter): boolean {
  return objective !== 'entropic' && network === 'critic' && name.startsWith('real.');
}
