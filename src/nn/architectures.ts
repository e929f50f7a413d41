/**
 * Ready-made pairs of generator and critics. An architecture is plain data: sample shape, latent size and lists of layers.
 */
import { UserError } from '../gpu/errors.ts';
import { sizeOf } from '../graph/graph.ts';
import type { ActivationKind } from '../ops/activation-kinds.ts';
import { type Layer, type ParameterLayout, type Stack, layOutParameters, outputsOf } from './layers.ts';

/** Two critics of their own, or one trunk under two linear heads (the one of D₁ without bias). */
export type CriticLayers =
  { readonly trunk: readonly Layer[] } | { readonly real: readonly Layer[]; readonly fake: readonly Layer[] };

export interface Architecture {
  /** Shape of one sample, e.g. [28, 28, 1] or [64]. */
  readonly sample: readonly number[];
  /** Number of latent dimensions r. */
  readonly latent: number;
  readonly generator: readonly Layer[];
  readonly critic: CriticLayers;
}

export interface MlpOptions {
  /** Shape of one sample. */
  readonly sample: readonly number[];
  readonly latent: number;
  /** Widths of the hidden layers of generator and critics. Default [256, 256]. */
  readonly hidden?: readonly number[];
  /** Last activation of the generator: `sigmoid` for pixels in [0, 1], `linear` for data on R^d. Default `sigmoid`. */
  readonly output?: ActivationKind;
  /** One trunk under two heads instead of two critics. Default true. */
  readonly sharedTrunk?: boolean;
}

/** Multilayer perceptrons with ReLU: the generator latent → hidden → sample, the critics sample → hidden → 1. */
export function mlp(options: MlpOptions): Architecture {
  const { sample, latent, hidden = [256, 256], output = 'sigmoid', sharedTrunk = true } = options;
  const layers = hidden.map((units): Layer => ({ kind: 'dense', units, activation: 'relu' }));
  return architecture({
    sample,
    latent,
    generator: [...layers, { kind: 'dense', units: sizeOf(sample), activation: output }],
    critic: sharedTrunk ? { trunk: layers } : separate(layers),
  });
}

/** A linear generator Ax + b, with MLP critics of their own. */
export function linear(options: {
  readonly sample: readonly number[];
  readonly latent: number;
  /** Widths of the critics' hidden layers. Default [256]; empty for linear critics. */
  readonly hidden?: readonly number[];
}): Architecture {
  const { sample, latent, hidden = [256] } = options;
  return architecture({
    sample,
    latent,
    generator: [{ kind: 'dense', units: sizeOf(sample) }],
    critic: separate(hidden.map((units): Layer => ({ kind: 'dense', units, activation: 'relu' }))),
  });
}

function separate(hidden: readonly Layer[]): CriticLayers {
  const head: Layer = { kind: 'dense', units: 1 };
  return { real: [...hidden, head], fake: [...hidden, head] };
}

/**
 * Checks an architecture of the user's own.
 * @throws UserError when the generator does not give a sample, or a critic not one number.
 */
export function architecture(given: Architecture): Architecture {
  const d = sizeOf(given.sample);
  if (!Number.isInteger(given.latent) || given.latent < 1)
    throw new UserError(`architecture: latent is ${given.latent}; must be a whole number of 1 or more`);
  if (given.sample.length === 0 || !given.sample.every((n) => Number.isInteger(n) && n > 0))
    throw new UserError(
      `architecture: sample shape is [${given.sample}]; must be whole numbers of 1 or more`,
    );
  networksOf(given); // checks every layer
  const made = outputsOf(given.latent, given.generator);
  if (made !== d)
    throw new UserError(
      `architecture: the generator gives ${made} values, a sample [${given.sample}] has ${d}; the last layer needs ${d} units`,
    );
  if ('real' in given.critic) {
    for (const which of ['real', 'fake'] as const) {
      const units = outputsOf(d, given.critic[which]);
      if (units !== 1)
        throw new UserError(
          `architecture: critic.${which} gives ${units} values a sample; its last layer needs 1 unit`,
        );
    }
  }
  return given;
}

/** The networks of an architecture: stacks of layers and the layouts of their flat parameter buffers. */
export interface Networks {
  readonly generator: { readonly stack: Stack; readonly layout: ParameterLayout };
  readonly critic: {
    /** Absent where the critics have nothing in common. */
    readonly trunk?: Stack;
    readonly real: Stack;
    readonly fake: Stack;
    readonly layout: ParameterLayout;
  };
}

export function networksOf({ sample, latent, generator, critic }: Architecture): Networks {
  const d = sizeOf(sample);
  const stack: Stack = { prefix: 'layers', inputs: latent, layers: generator };
  const generatorNetwork = { stack, layout: layOutParameters([stack]) };
  if ('trunk' in critic) {
    const trunk: Stack = { prefix: 'trunk', inputs: d, layers: critic.trunk };
    const features = outputsOf(d, critic.trunk);
    const real: Stack = {
      prefix: 'real',
      inputs: features,
      layers: [{ kind: 'dense', units: 1, bias: false }],
    };
    const fake: Stack = { prefix: 'fake', inputs: features, layers: [{ kind: 'dense', units: 1 }] };
    return {
      generator: generatorNetwork,
      critic: { trunk, real, fake, layout: layOutParameters([trunk, real, fake]) },
    };
  }
  const real: Stack = { prefix: 'real', inputs: d, layers: critic.real };
  const fake: Stack = { prefix: 'fake', inputs: d, layers: critic.fake };
  return { generator: generatorNetwork, critic: { real, fake, layout: layOutParameters([real, fake]) } };
}
