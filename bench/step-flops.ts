/**
 * Floating-point operations of one critic and one generator update that any implementation has to make: the products of
 * the layers and their gradients, and the pairs' costs. What is elementwise is left out; a convolution's windows count in
 * full, where they reach over the edge too.
 */
import { sizeOf } from '../src/graph/graph.ts';
import { type Architecture, networksOf } from '../src/nn/architectures.ts';
import { type Stack, layOutParameters, outputShape } from '../src/nn/layers.ts';

export function stepFlops(model: Architecture, batch: number): number {
  const networks = networksOf(model);
  const { trunk, real, fake } = networks.critic;
  const critic = (head: Stack): number[] => [...(trunk ? products(trunk) : []), ...products(head)];
  const generator = products(networks.generator.stack);
  const forward = sum(generator) + sum(critic(real)) + sum(critic(fake));
  const pairs = 2 * batch * batch * sizeOf(model.sample);
  // Critic step: back to every weight, and to what each layer but the first was given.
  const toCritics = [critic(real), critic(fake)].reduce((total, of) => total + sum(of) + sum(of.slice(1)), 0);
  // Generator step: back through D₂ to its input, through the costs, and through G as above.
  const toGenerator = sum(critic(fake)) + sum(generator) + sum(generator.slice(1));
  const criticStep = 2 * batch * (forward + toCritics) + pairs;
  const generatorStep = 2 * batch * (forward + toGenerator) + 2 * pairs;
  return criticStep + generatorStep;
}

/** Multiplications of each layer that has weights, for one sample: every weight once for each place where it is applied. */
function products(stack: Stack): number[] {
  const weights = layOutParameters([stack]).parameters.filter(({ name }) => name.endsWith('.weight'));
  return weights.map(({ name, shape }) => {
    const index = Number(name.split('.').at(-2));
    const shapeAfter = (count: number): readonly number[] =>
      outputShape({ ...stack, layers: stack.layers.slice(0, count) });
    const kind = stack.layers[index]?.kind;
    const windows = kind === 'dense' ? [] : shapeAfter(kind === 'conv2d' ? index + 1 : index).slice(0, 2);
    return sizeOf(shape) * sizeOf(windows);
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
