/**
 * Ready-made pairs of generator and critics. An architecture is plain data: sample shape, latent size and lists of layers.
 */
import { UserError } from '../gpu/errors.ts';
import { sizeOf } from '../graph/graph.ts';
import type { ActivationKind } from '../ops/activation-kinds.ts';
import {
  type Layer,
  type ParameterLayout,
  type Stack,
  layOutParameters,
  layOutStatistics,
  outputShape,
} from './layers.ts';

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
  const layers = mlpLayers(hidden);
  return architecture({
    sample,
    latent,
    generator: [...layers, { kind: 'dense', units: sizeOf(sample), activation: output }],
    critic: sharedTrunk ? { trunk: layers } : separate(layers),
  });
}

export interface LinearOptions {
  /** Shape of one sample. */
  readonly sample: readonly number[];
  readonly latent: number;
  /** `quadratic` critics xᵀQx + bᵀx + c are exact for Gaussian data. Default `mlp`. */
  readonly critic?: 'mlp' | 'quadratic';
  /** Widths of the MLP critics' hidden layers. Default [256]; empty for linear critics. */
  readonly hidden?: readonly number[];
}

/**
 * A linear generator Ax + b, with critics of their own.
 * @throws UserError for hidden layers of quadratic critics, which have none.
 */
export function linear({ sample, latent, critic = 'mlp', hidden }: LinearOptions): Architecture {
  if (critic === 'quadratic' && hidden)
    throw new UserError(
      `linear: hidden is [${hidden}], but quadratic critics have no hidden layers; drop it, or take critic: 'mlp'`,
    );
  return architecture({
    sample,
    latent,
    generator: [{ kind: 'dense', units: sizeOf(sample) }],
    critic: critic === 'quadratic' ? QUADRATIC : separate(mlpLayers(hidden ?? [256])),
  });
}

const QUADRATIC: CriticLayers = { real: [{ kind: 'quadratic' }], fake: [{ kind: 'quadratic' }] };

function mlpLayers(hidden: readonly number[]): Layer[] {
  return hidden.map((units): Layer => ({ kind: 'dense', units, activation: 'relu' }));
}

export interface DcganOptions {
  /** Shape of one image, [height, width, channels]. */
  readonly image: readonly [number, number, number];
  /** Default 128. */
  readonly latent?: number;
  /** Channels of the critics' first convolution; the layers after it have two and four times as many. Default 64. */
  readonly width?: number;
  /** Last activation of the generator. Default `sigmoid`. */
  readonly output?: ActivationKind;
}

/**
 * Convolutional networks (Radford et al. 2016), those of the paper at width 64 (docs/mathematics.md §2): the generator
 * latent → dense [h/8, w/8, 4·width] → 2·width → width → image by transposed convolutions 5×5 of stride 2, batch norm and
 * ReLU before each; one trunk of convolutions 5×5 of stride 2, image → width → 2·width → 4·width with leaky ReLU 0.2, under
 * two linear heads. Sizes are rounded up, and cropped on the way back, as 8 → 7 for 28 pixels.
 */
export function dcgan(options: DcganOptions): Architecture {
  const { image, latent = 128, width = 64, output = 'sigmoid' } = options;
  if (!Array.isArray(image) || image.length !== 3 || !image.every((n) => Number.isInteger(n) && n > 0))
    throw new UserError(
      `dcgan: image is [${image}]; must be [height, width, channels], as in [28, 28, 1]: these networks are for images`,
    );
  if (!Number.isInteger(width) || width < 1)
    throw new UserError(`dcgan: width is ${width}; must be a whole number of 1 or more`);
  const [, , channels] = image;
  const half = (size: number): number => Math.ceil(size / 2);
  /** Heights and widths from the image down. */
  const sizes = [image.slice(0, 2)];
  for (let i = 0; i < 3; i++) sizes.push((sizes[i] as number[]).map(half));
  const [full, halved, quartered, eighth] = sizes as [number, number][];
  const normal: Layer = { kind: 'batch-norm', activation: 'relu' };
  /** Doubles the image, and crops it where that is a pixel too much. The batch norm behind has the bias. */
  const grow = (filters: number, from: readonly number[], to: readonly number[], last = false): Layer[] => [
    last
      ? { kind: 'conv2d-transpose', filters, kernel: 5, stride: 2, activation: output }
      : { kind: 'conv2d-transpose', filters, kernel: 5, stride: 2, bias: false },
    ...(last ? [] : [normal]),
    ...(from.every((size, i) => 2 * size === to[i])
      ? []
      : [{ kind: 'crop', height: to[0] as number, width: to[1] as number } as const]),
  ];
  const base = [...eighth!, 4 * width];
  return architecture({
    sample: image,
    latent,
    generator: [
      { kind: 'dense', units: sizeOf(base), bias: false },
      normal,
      { kind: 'reshape', shape: base },
      ...grow(2 * width, eighth!, quartered!),
      ...grow(width, quartered!, halved!),
      ...grow(channels, halved!, full!, true),
    ],
    critic: {
      trunk: [1, 2, 4].map((multiple): Layer => ({
        kind: 'conv2d',
        filters: multiple * width,
        kernel: 5,
        stride: 2,
        activation: 'leaky-relu',
      })),
    },
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
  const made = sizeOf(outputShape({ prefix: 'layers', input: [given.latent], layers: given.generator }));
  if (made !== d)
    throw new UserError(
      `architecture: the generator gives ${made} values, a sample [${given.sample}] has ${d}; its last layer must give ${d}`,
    );
  for (const [which, layers] of Object.entries(given.critic) as [string, readonly Layer[]][]) {
    if (layers.some(({ kind }) => kind === 'batch-norm'))
      throw new UserError(
        `architecture: critic.${which} has a batch norm; a critic's value of a sample must not depend on the rest of the batch, take it out`,
      );
    const units = sizeOf(outputShape({ prefix: which, input: given.sample, layers }));
    if (which !== 'trunk' && units !== 1)
      throw new UserError(
        `architecture: critic.${which} gives ${units} values a sample; its last layer needs 1 unit`,
      );
  }
  return given;
}

/** The networks of an architecture: stacks of layers and the layouts of their flat parameter buffers. */
export interface Networks {
  readonly generator: {
    readonly stack: Stack;
    readonly layout: ParameterLayout;
    /** Frozen statistics of its batch norms, if it has any. */
    readonly statistics: ParameterLayout;
  };
  readonly critic: {
    /** Absent where the critics have nothing in common. */
    readonly trunk?: Stack;
    readonly real: Stack;
    readonly fake: Stack;
    readonly layout: ParameterLayout;
  };
}

export function networksOf({ sample, latent, generator, critic }: Architecture): Networks {
  const stack: Stack = { prefix: 'layers', input: [latent], layers: generator };
  const generatorNetwork = {
    stack,
    layout: layOutParameters([stack]),
    statistics: layOutStatistics([stack]),
  };
  if ('trunk' in critic) {
    const trunk: Stack = { prefix: 'trunk', input: sample, layers: critic.trunk };
    const features = outputShape(trunk);
    const real: Stack = {
      prefix: 'real',
      input: features,
      layers: [{ kind: 'dense', units: 1, bias: false }],
    };
    const fake: Stack = { prefix: 'fake', input: features, layers: [{ kind: 'dense', units: 1 }] };
    return {
      generator: generatorNetwork,
      critic: { trunk, real, fake, layout: layOutParameters([trunk, real, fake]) },
    };
  }
  const real: Stack = { prefix: 'real', input: sample, layers: critic.real };
  const fake: Stack = { prefix: 'fake', input: sample, layers: critic.fake };
  return { generator: generatorNetwork, critic: { real, fake, layout: layOutParameters([real, fake]) } };
}
