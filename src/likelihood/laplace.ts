/**
 * Laplace proposals: for each image y a Gaussian around the latent of largest posterior density, with the curvature there,
 *   U(x) = l(y, G(x))/λ + ½‖x‖²      x̂ = argmin U      H = I + Jᵀ F J,  J = ∂G/∂x at x̂      q = N(x̂, τ² H⁻¹)
 * F is the Fisher information of the noise per value: 1/λ half-squared, 2/λ squared, 1/λ² l1 (docs/mathematics.md §4).
 * Starts are drawn from the prior and descend by Adam; the best of each image goes on by damped Gauss–Newton steps. H comes a
 * column at a time from products with J (the gradient of a gradient) and with Jᵀ: J itself is never stored. Factors are taken
 * in float64 on the host. For a linear generator and Gaussian noise H⁻¹ is the covariance of the posterior exactly; elsewhere q is
 * then fitted to the posterior around x̂ (smoothed-gaussian.ts).
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { type Dataset, rows as rowsOf, sampleSize } from '../data/dataset.ts';
import { threefryNormals } from '../data/random.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { Plan } from '../gpu/plan.ts';
import type { Recording, Slot } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { backward } from '../graph/backward.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import type { ResidentModel } from '../gan/resident-model.ts';
import { STREAMS } from '../gan/streams.ts';
import { adam } from '../nn/optimisers.ts';
import { add } from '../ops/add.ts';
import { fill } from '../ops/fill.ts';
import { OBJECTIVE_SCALARS, SCALAR_INDEX } from '../ops/entropic-objective.ts';
import { proposalWidth } from '../ops/gaussian-proposal.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';
import { optimiserStateBytes, optimiserStep } from '../ops/optimiser.ts';
import { addGradients } from '../ops/product.ts';
import { rowCost } from '../ops/row-cost.ts';
import type { Noise } from './noise.ts';
import { mostRows } from './rows-at-a-time.ts';
import { type Curvature, PAIRS, matrixOf, smoothedGaussians } from './smoothed-gaussian.ts';

export interface LaplaceOptions extends Noise {
  /**
   * τ: standard deviations are this times those of the curvature, so that weights stay bounded where the posterior is wider.
   * Default √(1 + √(0.8/r)), which costs about a third of the ESS where the posterior is Gaussian, whatever r is.
   */
  readonly widening?: number;
  /** Rounds of fitting to the posterior around the mode (smoothed-gaussian.ts). Default 3; with 0 the curvature is that of the mode. */
  readonly rounds?: number;
  readonly seed: number;
  /** Called before each piece of work; throws where it should stop. */
  readonly check: () => void;
  readonly onProgress?: (done: number) => void;
}

/** Descents from the prior for each image, and the steps of Adam of each. */
const STARTS = 8;
const STEPS = 60;
/** Adam's rates in latent space, where the prior has standard deviation 1: first to get near, then to settle. */
const RATES = { far: 0.2, near: 0.05 } as const;
/** Gauss–Newton steps at most; they end where none lowers U by more than SETTLED. */
const MOST_NEWTON_STEPS = 8;
const SETTLED = 1e-4;

/**
 * Laplace proposals of images: [N, proposalWidth(r)] (../ops/gaussian-proposal.ts).
 * @param set images whose samples fit the model.
 */
export async function laplaceProposals(
  device: Device,
  resident: ResidentModel,
  set: Dataset,
  options: LaplaceOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const r = resident.model.configuration.settings.model.latent;
  const { widening = Math.sqrt(1 + Math.sqrt(0.8 / r)), rounds = 3, seed, check, onProgress } = options;
  const d = sampleSize(set.shape);
  const n = set.count;
  const width = proposalWidth(r);
  const networks = new LatentNetworks(device, resident, d, options);
  const most = mostRows(
    device,
    STARTS,
    (rows) => networks.descent(rows / STARTS, STARTS, RATES.far).recording,
  );
  const mostCurved = mostRows(device, r, (rows) => networks.curvature(rows / r).recording);
  const images = Math.max(1, Math.min(n, Math.floor(most / STARTS), Math.floor(mostCurved / r)));
  using work = await LaplaceWork.create(device, networks, images, STARTS);
  const proposals = new Float32Array(n * width);
  for (let row = 0; row < n; row += images) {
    const count = Math.min(images, n - row);
    await work.begin(rowsOf(set, row, count), startsOf(seed, row, images, STARTS, r));
    for (let step = 0; step < STEPS; step++) {
      check();
      work.descend(2 * step < STEPS ? 'far' : 'near');
      await device.idle(); // so that a signal to stop is heard soon
      onProgress?.((row + (0.7 * count * step) / STEPS) / n);
    }
    const best = await work.best();
    let curvature = await work.curvature(best.latents);
    for (let step = 0; step < MOST_NEWTON_STEPS; step++) {
      check();
      const moved = await work.newtonStep(best, curvature, count);
      if (moved === 0) break;
      curvature = await work.curvature(best.latents);
    }
    const { hessians } = curvature;
    const start = {
      means: best.latents,
      precisions: Array.from({ length: images }, (__, i) => matrixOf(hessians, i, r)),
    };
    const draws = Array.from({ length: images }, (__, i) =>
      threefryNormals(rounds * PAIRS * r, [seed, STREAMS.smoothing], row + i)[Symbol.iterator](),
    );
    const { means, precisions } = await smoothedGaussians(
      start,
      r,
      rounds,
      (i) => (draws[i] as Iterator<number>).next().value as number,
      async (latents) => {
        check();
        return work.curvature(latents);
      },
    );
    onProgress?.((row + count) / n);
    for (let i = 0; i < count; i++) {
      const mean = means.subarray(i * r, (i + 1) * r);
      proposals.set(proposalOf(mean, precisions[i] as Matrix, widening), (row + i) * width);
    }
  }
  return proposals;
}

/** Latents that each image begins with, [images·starts, r], drawn from the prior by the image's place in the set. */
function startsOf(
  seed: number,
  row: number,
  images: number,
  starts: number,
  r: number,
): Float32Array<ArrayBuffer> {
  const all = new Float32Array(images * starts * r);
  for (let i = 0; i < images; i++)
    all.set(threefryNormals(starts * r, [seed, STREAMS.starts], row + i), i * starts * r);
  return all;
}

/**
 * The proposal N(x̂, τ²H⁻¹): x̂, then the rows of the lower triangular T with TTᵀ = τ²H⁻¹, logarithms on its diagonal.
 * With rows and columns in reverse order H = LLᵀ, and T is τL⁻ᵀ in reverse order again.
 */
function proposalOf(mode: Float32Array, hessian: Matrix, widening: number): Float64Array {
  const r = mode.length;
  const last = r - 1;
  const reversed = new Matrix(r, r);
  for (let i = 0; i < r; i++) for (let j = 0; j < r; j++) reversed.set(i, j, hessian.get(last - i, last - j));
  const inverse = inverseOfLower(new CholeskyDecomposition(reversed).lowerTriangularMatrix);
  const proposal = new Float64Array(proposalWidth(r));
  proposal.set(mode);
  let at = r;
  for (let i = 0; i < r; i++)
    for (let j = 0; j <= i; j++) {
      const value = widening * inverse.get(last - j, last - i);
      proposal[at++] = i === j ? Math.log(value) : value;
    }
  return proposal;
}

/** The inverse of a lower triangular matrix, by forward substitution. */
function inverseOfLower(lower: Matrix): Matrix {
  const r = lower.rows;
  const inverse = new Matrix(r, r);
  for (let column = 0; column < r; column++)
    for (let i = column; i < r; i++) {
      let sum = Number(i === column);
      for (let j = column; j < i; j++) sum -= lower.get(i, j) * inverse.get(j, column);
      inverse.set(i, column, sum / lower.get(i, i));
    }
  return inverse;
}

/** Latents [images, r] with their potentials [images]. */
interface Modes {
  readonly latents: Float32Array<ArrayBuffer>;
  readonly potentials: Float64Array;
}

/** A recording and the memory of what is read from it. */
interface Phase {
  readonly recording: Recording;
  readonly outputs: readonly Slot[];
}

/** The generator's parts of the work, recorded. */
class LatentNetworks {
  readonly latent: number;
  readonly lambda: number;
  readonly d: number;
  readonly #device: Device;
  readonly #resident: ResidentModel;
  readonly #cost: LikelihoodCost;

  constructor(device: Device, resident: ResidentModel, d: number, { cost, lambda }: Noise) {
    this.latent = resident.model.configuration.settings.model.latent;
    this.d = d;
    this.lambda = lambda;
    this.#device = device;
    this.#resident = resident;
    this.#cost = cost;
  }

  get externals(): Readonly<Record<string, GPUBuffer>> {
    return this.#resident.externals;
  }

  /** One step of Adam down U, in place, for `starts` latents of each image. */
  descent(images: number, starts: number, rate: number): Phase {
    const graph = new Graph();
    const { latents, cost } = this.#costs(graph, images, starts);
    const rows = images * starts;
    const seed = fill(graph, [rows], 1 / this.lambda);
    const [gradient] = backward(graph, [[cost, seed]], [latents], addGradients) as [Tensor];
    const external = (name: string, shape: readonly number[], type: 'f32' | 'u32' = 'f32'): Tensor =>
      graph.external(name, shape, { buffer: name, offset: 0 }, type);
    const size = descentFloats(rows, this.latent);
    const choice = adam({ rate });
    const bytes = optimiserStateBytes(choice, size);
    const total = add(graph, gradient, latents);
    optimiserStep(graph, choice, {
      parameters: external('latents', [size]),
      gradients: total,
      moments: external('moments', [bytes.moments / 4]),
      count: external('count', [bytes.count / 4], 'u32'),
      guard: external('guard', [4], 'u32'),
      scalars: external('scalars', [OBJECTIVE_SCALARS]),
      enabled: 1,
    });
    return this.#phase(graph, []);
  }

  /** l(y, G(x)) of `starts` latents of each image. */
  costs(images: number, starts: number): Phase {
    const graph = new Graph();
    return this.#phase(graph, [this.#costs(graph, images, starts).cost]);
  }

  /**
   * JᵀJ of each image, a column for each of the r rows that its latent is repeated in, and ∂l/∂x, in every one of them.
   * u stands for a gradient of the samples: Jᵀu is linear in it, so that the gradient of Jᵀu·e with respect to u is J e.
   */
  curvature(images: number): Phase {
    const graph = new Graph();
    const r = this.latent;
    const { latents, generated, cost } = this.#costs(graph, images, r);
    const directions = graph.external('directions', [images * r, r], { buffer: 'directions', offset: 0 });
    const u = fill(graph, generated.shape, 0);
    const [pulled] = backward(graph, [[generated, u]], [latents], addGradients, { differentiable: true }) as [
      Tensor,
    ];
    const [pushed] = backward(graph, [[pulled, directions]], [u], addGradients) as [Tensor];
    const [column] = backward(graph, [[generated, pushed]], [latents], addGradients) as [Tensor];
    const one = fill(graph, cost.shape, 1);
    const [gradient] = backward(graph, [[cost, one]], [latents], addGradients) as [Tensor];
    return this.#phase(graph, [column, gradient]);
  }

  #costs(graph: Graph, images: number, group: number): { latents: Tensor; generated: Tensor; cost: Tensor } {
    const latents = graph.external('latents', [images * group, this.latent], {
      buffer: 'latents',
      offset: 0,
    });
    const observations = graph.external('observations', [images, this.d], {
      buffer: 'observations',
      offset: 0,
    });
    const generated = this.#resident.generate(graph, latents);
    return { latents, generated, cost: rowCost(graph, observations, generated, this.#cost) };
  }

  #phase(graph: Graph, kept: readonly Tensor[]): Phase {
    const { recording, slot } = schedule(graph, targetOf(this.#device), kept);
    return { recording, outputs: kept.map(slot) };
  }

  /** F, the Fisher information of the noise about each value's mean. */
  get information(): number {
    const { lambda } = this;
    return this.#cost === 'l1' ? 1 / lambda ** 2 : (this.#cost === 'squared' ? 2 : 1) / lambda;
  }
}

/** Floats of a descent's latents in the optimiser's eyes: a multiple of 4. */
function descentFloats(rows: number, r: number): number {
  return Math.ceil((rows * r) / 4) * 4;
}

/** The buffers and the plan for one block of images after the other. */
class LaplaceWork implements Disposable {
  readonly #device: Device;
  readonly #networks: LatentNetworks;
  readonly #images: number;
  readonly #starts: number;
  readonly #owned = new Map<string, OwnedBuffer>();
  readonly #phases: Readonly<Record<'far' | 'near' | 'costs' | 'curvature', Phase>>;
  #plan: Plan<'far' | 'near' | 'costs' | 'curvature'> | undefined;

  private constructor(device: Device, networks: LatentNetworks, images: number, starts: number) {
    this.#device = device;
    this.#networks = networks;
    this.#images = images;
    this.#starts = starts;
    this.#phases = {
      far: networks.descent(images, starts, RATES.far),
      near: networks.descent(images, starts, RATES.near),
      costs: networks.costs(images, starts),
      curvature: networks.curvature(images),
    };
  }

  static async create(
    device: Device,
    networks: LatentNetworks,
    images: number,
    starts: number,
  ): Promise<LaplaceWork> {
    const work = new LaplaceWork(device, networks, images, starts);
    try {
      const { latent: r, d } = networks;
      const size = descentFloats(images * starts, r);
      const bytes = optimiserStateBytes(adam({ rate: RATES.far }), size);
      const directions = new Float32Array(images * r * r);
      for (let row = 0; row < images * r; row++) directions[row * r + (row % r)] = 1;
      const scalars = new Float32Array(OBJECTIVE_SCALARS);
      scalars[SCALAR_INDEX.finite] = 1;
      work.#make('latents', Math.max(size, images * r * r) * 4);
      work.#make('observations', images * d * 4);
      work.#make('moments', bytes.moments);
      work.#make('count', bytes.count);
      work.#make('guard', 16);
      device.upload(work.#make('scalars', scalars.byteLength), 0, scalars);
      device.upload(work.#make('directions', directions.byteLength), 0, directions);
      const externals = Object.fromEntries([...work.#owned].map(([name, { buffer }]) => [name, buffer]));
      const { far, near, costs, curvature } = work.#phases;
      work.#plan = await Plan.create(
        device,
        {
          far: far.recording,
          near: near.recording,
          costs: costs.recording,
          curvature: curvature.recording,
        },
        { ...networks.externals, ...externals },
        { phasesPerRun: 1 },
      );
      return work;
    } catch (error) {
      work.dispose();
      throw error;
    }
  }

  /** Begins with images, [images at most, d], from latents [images·starts, r]. */
  async begin(observations: Float32Array<ArrayBuffer>, latents: Float32Array<ArrayBuffer>): Promise<void> {
    this.#upload('observations', observations);
    this.#upload('latents', latents);
    for (const name of ['moments', 'count', 'guard'])
      this.#upload(name, new Uint32Array((this.#owned.get(name) as OwnedBuffer).bytes / 4));
  }

  /** One step of every descent. */
  descend(speed: 'far' | 'near'): void {
    this.#run(speed);
  }

  /** The best of the descents of each image. */
  async best(): Promise<Modes> {
    const { latent: r } = this.#networks;
    const { buffer } = this.#owned.get('latents') as OwnedBuffer;
    const all = await this.#device.readFloats(buffer, 0, this.#images * this.#starts * r);
    return this.#lowest(all, await this.#potentials(all));
  }

  /** ∇U and H at the latents of each image. */
  async curvature(latents: Float32Array): Promise<Curvature> {
    const { latent: r, lambda, information } = this.#networks;
    const repeated = new Float32Array(this.#images * r * r);
    for (let row = 0; row < this.#images * r; row++) {
      const image = Math.floor(row / r) * r;
      repeated.set(latents.subarray(image, image + r), row * r);
    }
    this.#upload('latents', repeated);
    this.#run('curvature');
    const [columns, slopes] = (await this.#read('curvature', this.#images * r * r)) as [
      Float32Array,
      Float32Array,
    ];
    const hessians = columns.map(
      (value, at) => information * value + Number(at % r === Math.floor(at / r) % r),
    );
    const gradients = Float32Array.from({ length: this.#images * r }, (_, at) => {
      const slope = slopes[Math.floor(at / r) * r * r + (at % r)] as number;
      return slope / lambda + (latents[at] as number);
    });
    return { gradients, hessians };
  }

  /**
   * Moves each of the first `count` modes along −H⁻¹∇U by the best of lengths 1, ½, ¼, …, where that lowers U.
   * @returns how many moved.
   */
  async newtonStep(modes: Modes, { gradients, hessians }: Curvature, count: number): Promise<number> {
    const { latent: r } = this.#networks;
    const tried = new Float32Array(this.#images * this.#starts * r);
    for (let i = 0; i < count; i++) {
      const slope = Matrix.columnVector(Array.from(gradients.subarray(i * r, (i + 1) * r)));
      const step = new CholeskyDecomposition(matrixOf(hessians, i, r)).solve(slope);
      for (let s = 0; s < this.#starts; s++)
        for (let j = 0; j < r; j++)
          tried[(i * this.#starts + s) * r + j] =
            (modes.latents[i * r + j] as number) - 2 ** -s * step.get(j, 0);
    }
    const lowest = this.#lowest(tried, await this.#potentials(tried));
    let moved = 0;
    for (let i = 0; i < count; i++) {
      if (!((lowest.potentials[i] as number) < (modes.potentials[i] as number) - SETTLED)) continue;
      moved++;
      modes.potentials[i] = lowest.potentials[i] as number;
      modes.latents.set(lowest.latents.subarray(i * r, (i + 1) * r), i * r);
    }
    return moved;
  }

  /** U of latents [images·starts, r]. */
  async #potentials(latents: Float32Array<ArrayBuffer>): Promise<Float64Array> {
    const { latent: r, lambda } = this.#networks;
    this.#upload('latents', latents);
    this.#run('costs');
    const [costs] = (await this.#read('costs', this.#images * this.#starts)) as [Float32Array];
    return Float64Array.from(costs, (cost, row) => {
      let norm = 0;
      for (let j = 0; j < r; j++) norm += (latents[row * r + j] as number) ** 2;
      return cost / lambda + norm / 2;
    });
  }

  /** The latents of lowest potential of each image. */
  #lowest(latents: Float32Array, potentials: Float64Array): Modes {
    const { latent: r } = this.#networks;
    const lowest = {
      latents: new Float32Array(this.#images * r),
      potentials: new Float64Array(this.#images),
    };
    for (let i = 0; i < this.#images; i++) {
      let best = i * this.#starts;
      for (let row = best; row < (i + 1) * this.#starts; row++)
        if ((potentials[row] as number) < (potentials[best] as number)) best = row;
      lowest.potentials[i] = potentials[best] as number;
      lowest.latents.set(latents.subarray(best * r, (best + 1) * r), i * r);
    }
    return lowest;
  }

  #make(name: string, bytes: number): GPUBuffer {
    const owned = this.#device.storage(`laplace.${name}`, bytes);
    this.#owned.set(name, owned);
    return owned.buffer;
  }

  #upload(name: string, values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    this.#device.upload((this.#owned.get(name) as OwnedBuffer).buffer, 0, values);
  }

  #run(phase: 'far' | 'near' | 'costs' | 'curvature'): void {
    (this.#plan as Plan<typeof phase>).run([{ phase }]);
  }

  #read(phase: 'costs' | 'curvature', floats: number): Promise<Float32Array[]> {
    const plan = this.#plan as Plan<typeof phase>;
    return Promise.all(
      this.#phases[phase].outputs.map((output) => {
        const { buffer, offset } = plan.view(output);
        return this.#device.readFloats(buffer, offset, floats);
      }),
    );
  }

  dispose(): void {
    this.#plan?.dispose();
    for (const owned of this.#owned.values()) owned.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
