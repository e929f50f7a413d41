/**
 * The streaming likelihood reduction: observations against a chunk of latents and their generated samples, folded into
 * one small running state per observation. However many latents there are, the N×K costs are never stored; chunks come
 * one after the other, and their states add up. Formulas: docs/mathematics.md §4 and shaders/lib/likelihood_state.wgsl.
 */
import { type ParamValue, kernelCall } from '../gpu/kernel.ts';
import { type Target, hasFourLanes } from '../gpu/target.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

/** Floats of one observation's running state. */
export const STATE_FLOATS = 16;

/** Costs whose exp(−l/λ) can be normalised over R^d; see docs/mathematics.md §3. */
export const LIKELIHOOD_COSTS = ['l1', 'squared', 'half-squared'] as const;
export type LikelihoodCost = (typeof LIKELIHOOD_COSTS)[number];

/** Log-weights kept per observation at most: what fits in the default 16 KiB of workgroup memory beside the selection. */
export const LONGEST_TAIL = 3584;

export interface LikelihoodChunk {
  /** [n, d] */
  readonly observations: Tensor;
  /** G of the chunk's latents: [c, d] for all observations, or [n, c, d] for each its own. */
  readonly generated: Tensor;
  /** [c, r] or [n, c, r]. Without latents ½‖x‖² counts as 0. */
  readonly latents?: Tensor;
  /** D₂ of the generated samples, [c] or [n, c]. Without it only importance weights are accumulated. */
  readonly critic?: Tensor;
  /** log q of given proposals, [c] or [n, c]; needs latents. Without it the latents are the prior's. */
  readonly logQ?: Tensor;
  /** Running state, [n, 16], updated in place. */
  readonly state: Tensor;
  /** The largest log-weights so far, updated in place; without it none are kept. It may go on over several states. */
  readonly tail?: LikelihoodTail;
  readonly cost: LikelihoodCost;
  readonly lambda: ParamValue;
  /** How many of the c latents count: fewer in a last, partial chunk. */
  readonly validCount: ParamValue;
  /** 1 in the first chunk, where state and tail hold nothing yet, else 0. */
  readonly first: ParamValue;
}

export interface LikelihoodTail {
  /** u32, [n, 2 + capacity] with `tailCapacity`, all zero before the first chunk; read by `tailOf`. */
  readonly keys: Tensor;
  /** How many are kept of each observation, at least. */
  readonly length: number;
  /** Log-weights of an observation in all chunks together. Where there is room for as many, none is ever dropped. */
  readonly latents: number;
}

interface TermsAttributes {
  readonly count: number;
  readonly r: number;
  readonly hasCritic: boolean;
  readonly hasLogQ: boolean;
  readonly lambda: ParamValue;
}

const termsOp: Op<TermsAttributes> = {
  name: 'log-likelihood-terms',
  dispatch({ inputs, outputs, attributes }) {
    const [latents, critic, logQ] = inputs as readonly [Tensor, Tensor, Tensor];
    const [terms] = outputs as readonly [Tensor];
    const { count, r, hasCritic, hasLogQ, lambda } = attributes;
    const padded = terms.shape.at(-1) as number;
    const total = (sizeOf(terms.shape) / (4 * padded)) * count;
    return [
      kernelCall({
        kernel: 'log_likelihood_terms',
        label: terms.name,
        params: {
          total,
          count,
          padded,
          r,
          has_critic: Number(hasCritic),
          has_log_q: Number(hasLogQ),
          lambda,
        },
        bindings: { latents, critic, log_q: logQ, terms },
        workgroups: elementGroups(total, 64),
        flops: 2 * total * r,
        bytes: 4 * total * (r + 5),
      }),
    ];
  },
};

interface CostAttributes {
  readonly cost: LikelihoodCost;
  /** Families of weights: 1 importance, 2 also surrogate, 3 also paper. */
  readonly families: number;
  readonly keepTail: boolean;
  readonly perObservation: boolean;
  readonly lambda: ParamValue;
  readonly validCount: ParamValue;
}

/** Shared banks use tiles of 64 observations, unless there are so few that most of a tile would be empty. */
const FEW_OBSERVATIONS = 8;
const TILE = 64;

const costOp: Op<CostAttributes> = {
  name: 'log-likelihood',
  dispatch({ inputs, outputs, attributes }, target) {
    const [observations, generated, terms] = inputs as readonly [Tensor, Tensor, Tensor];
    const [tail, partials] = outputs as readonly [Tensor, Tensor];
    const { cost, families, keepTail, perObservation, lambda, validCount } = attributes;
    const [n, d] = observations.shape as readonly [number, number];
    const count = generated.shape.at(-2) as number;
    const slices = sliceCount(target.adapter, n, count, perObservation);
    const params = {
      n,
      d,
      count: validCount,
      slice: sliceLength(count, slices),
      padded: terms.shape.at(-1) as number,
      tail_stride: keepTail ? (tail.shape[1] as number) : 0,
      scale: cost === 'half-squared' ? 0.5 : 1,
      lambda,
    };
    const common = {
      label: partials.name,
      bindings: { observations, generated, terms, tail, partials },
      constants: { ABSOLUTE: Number(cost === 'l1'), FAMILIES: families, KEEP_TAIL: Number(keepTail) },
      flops: n * count * (3 * d + 60),
    };
    if (perObservation || n <= FEW_OBSERVATIONS) {
      return [
        kernelCall({
          ...common,
          kernel: hasFourLanes(target) ? 'log_likelihood_row_subgroup4' : 'log_likelihood_row',
          params: { ...params, bank_stride: perObservation ? count : 0 },
          workgroups: [n, slices, 1],
          bytes: 4 * n * count * d + 64 * n * slices,
        }),
      ];
    }
    const inLanesOfFour = hasFourLanes(target) && d % 4 === 0;
    return [
      kernelCall({
        ...common,
        kernel: inLanesOfFour ? 'log_likelihood_tile_subgroup4' : 'log_likelihood_tile',
        params,
        workgroups: [Math.ceil(n / TILE), slices, 1],
        bytes: (8 * n * count * d) / TILE + 64 * n * slices,
      }),
    ];
  },
};

interface MergeAttributes {
  readonly count: number;
  readonly perObservation: boolean;
  readonly lambda: ParamValue;
  readonly first: ParamValue;
}

const mergeOp: Op<MergeAttributes> = {
  name: 'log-likelihood-merge',
  dispatch({ inputs, outputs, attributes }, target) {
    const [partials] = inputs as readonly [Tensor];
    const [state] = outputs as readonly [Tensor];
    const n = state.shape[0] as number;
    const { count, perObservation, lambda, first } = attributes;
    const slices = sliceCount(target.adapter, n, count, perObservation);
    return [
      kernelCall({
        kernel: 'log_likelihood_merge',
        label: state.name,
        params: { n, slices, first, lambda },
        bindings: { partials, state },
        workgroups: elementGroups(n, 64),
        flops: 60 * n * slices,
        bytes: 64 * n * (slices + 2),
      }),
    ];
  },
};

interface TailAttributes {
  readonly length: number;
  readonly room: number;
}

const tailOp: Op<TailAttributes> = {
  name: 'log-likelihood-tail',
  dispatch({ outputs, attributes }, target) {
    const [tail] = outputs as readonly [Tensor];
    const [n, stride] = tail.shape as readonly [number, number];
    const { length, room } = attributes;
    return [
      kernelCall({
        kernel: 'log_likelihood_tail',
        label: tail.name,
        params: { n, stride, room },
        bindings: { tail },
        constants: { LENGTH: length, INVOCATIONS: target.adapter === 'software' ? 4 : 64 },
        workgroups: [n, 1, 1],
        flops: 0,
        bytes: 8 * n,
      }),
    ];
  },
};

/** All log-weights of a block of observations are kept where they take no more bytes than this. */
const MOST_TAIL_BYTES = 2 ** 20;

/** Room for keys of each of `n` observations: for all its log-weights, or so much that a chunk always fits and the selection is rare. */
export function tailCapacity(
  n: number,
  { length, latents, chunk }: { readonly length: number; readonly latents: number; readonly chunk: number },
): number {
  return 4 * n * latents <= MOST_TAIL_BYTES ? latents : Math.min(latents, 4 * length + chunk);
}

/** The `length` largest log-weights of each observation, rising, from the bytes of a tail of keys, [n, 2 + capacity]. */
export function tailOf(keys: Uint32Array, n: number, length: number): Float32Array<ArrayBuffer> {
  const stride = keys.length / n;
  const largest = new Float32Array(n * length);
  for (let i = 0; i < n; i++) {
    const count = keys[i * stride] as number;
    const kept = keys.slice(i * stride + 2, i * stride + 2 + count).sort();
    const bits = new Uint32Array(largest.buffer, i * length * 4, length);
    for (let j = 0; j < length; j++) {
      const key = kept[count - length + j] as number;
      bits[j] = key >= 2 ** 31 ? key ^ (2 ** 31) : ~key;
    }
  }
  return largest;
}

/**
 * Adds a chunk of latents to the state (and tail) of every observation, in place.
 * Where state and tail are external, their updates stay there; else keep what this returns.
 */
export function likelihoodAccumulate(
  graph: Graph,
  chunk: LikelihoodChunk,
): { readonly state: Tensor; readonly tail?: Tensor } {
  const { observations, generated, latents, critic, logQ, state, tail, lambda, validCount, first } = chunk;
  const perObservation = generated.shape.length === 3;
  const n = observations.shape[0] as number;
  const count = generated.shape.at(-2) as number;
  const padded = Math.ceil(count / 4) * 4;
  const [terms] = graph.add(termsOp, {
    // The kernel reads no input that is absent; a binding has to be there all the same.
    inputs: [latents ?? generated, critic ?? generated, logQ ?? generated],
    outputs: [{ name: 'likelihood.terms', shape: perObservation ? [n, 4, padded] : [4, padded] }],
    attributes: {
      count,
      r: latents?.shape.at(-1) ?? 0,
      hasCritic: critic !== undefined,
      hasLogQ: logQ !== undefined,
      lambda,
    },
  });
  const roomy = tail && makeRoom(graph, tail, count);
  const mostSlices = Math.max(
    sliceCount('hardware', n, count, perObservation),
    sliceCount('software', n, count, perObservation),
  );
  const [appended, partials] = graph.add(costOp, {
    inputs: [observations, generated, terms, ...(roomy ? [roomy] : [])],
    outputs: [
      { name: 'likelihood.tail', shape: roomy?.shape ?? [1], type: 'u32' },
      { name: 'likelihood.partials', shape: [mostSlices, n, STATE_FLOATS] },
    ],
    attributes: {
      cost: chunk.cost,
      families: !critic ? 1 : logQ ? 2 : 3,
      keepTail: tail !== undefined,
      perObservation,
      lambda,
      validCount,
    },
    ...(roomy ? { inPlace: [3] } : {}),
  });
  const [merged] = graph.add(mergeOp, {
    inputs: [partials, state],
    outputs: [{ name: state.name, shape: state.shape }],
    attributes: { count, perObservation, lambda, first },
    inPlace: [1],
  });
  settle(graph, state, merged);
  if (!tail) return { state: merged };
  settle(graph, tail.keys, appended);
  return { state: merged, tail: appended };
}

/** The tail with room for another `count` keys. */
function makeRoom(graph: Graph, { keys, length, latents }: LikelihoodTail, count: number): Tensor {
  const capacity = (keys.shape[1] as number) - 2;
  if (capacity >= latents) return keys;
  return graph.add(tailOp, {
    inputs: [keys],
    outputs: [{ name: keys.name, shape: keys.shape, type: 'u32' }],
    attributes: { length, room: capacity - count },
    inPlace: [0],
  })[0];
}

/** An update in place of external memory is wanted whether or not somebody keeps it. */
function settle(graph: Graph, before: Tensor, after: Tensor): void {
  const place = graph.placeOf(before);
  if (place) graph.place(after, place);
}

/** Workgroups wanted at least, so that every core or multiprocessor has some; each has a cost of its own. */
const WANTED_GROUPS = { software: 8, hardware: 1024 };

/** Into how many slices a chunk is split, for the sake of few observations; the most on hardware. */
function sliceCount(adapter: Target['adapter'], n: number, count: number, perObservation: boolean): number {
  const byRow = perObservation || n <= FEW_OBSERVATIONS;
  const groups = byRow ? n : Math.ceil(n / TILE);
  const longestSplit = Math.ceil(count / (byRow && adapter === 'hardware' ? 4 * TILE : TILE));
  const wanted = Math.min(longestSplit, Math.ceil(WANTED_GROUPS[adapter] / groups));
  return Math.ceil(count / sliceLength(count, wanted));
}

function sliceLength(count: number, slices: number): number {
  return Math.ceil(count / slices / TILE) * TILE;
}

/** No binding grows beyond this many bytes; WebGPU's default limit is 128 MiB. */
const LARGEST_BINDING = 64 * 2 ** 20;
/** n·c·(d + 200) of one dispatch, to stay well under a second on a slow adapter of the kind. */
const DISPATCH_WORK = { software: 5e8, hardware: 1e10 };
const MOST_ROWS = { software: 1024, hardware: 4096 };

/** How many observations and latents to take at a time, so that memory stays bounded and dispatches short. */
export function likelihoodBlock(
  target: Target,
  sizes: { readonly n: number; readonly k: number; readonly d: number; readonly perObservation: boolean },
): { readonly rows: number; readonly chunk: number } {
  const { n, k, d, perObservation } = sizes;
  const floats = LARGEST_BINDING / 4;
  const most = Math.min(n, MOST_ROWS[target.adapter], Math.floor(floats / (perObservation ? TILE * d : d)));
  const blocks = Math.ceil(n / Math.max(1, most));
  const rows = Math.ceil(n / blocks);
  const chunk = Math.min(
    DISPATCH_WORK[target.adapter] / (rows * (d + 200)),
    floats / (perObservation ? rows * d : d),
    k + TILE - 1,
  );
  return { rows, chunk: Math.max(1, Math.floor(chunk / TILE)) * TILE };
}
