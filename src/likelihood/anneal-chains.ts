/**
 * Chains of annealed importance sampling (Neal 2001) on the GPU, `chains` of them for each image of a block. At temperature β
 *   U_β(x) = β·l(y, G(x))/λ + ½‖x‖²      the prior at β = 0, the posterior at β = 1
 *   forward: x_0 ~ N(0, I);  for t = 1 … T:  log w −= (β_t − β_{t−1})·l(x_{t−1})/λ,  x_t ← a transition at β_t, but for the last
 *   reverse: x_T from the posterior;  for t = T … 1:  the same weight of x_t, then x_{t−1} ← a transition at β_{t−1}
 * A transition is Hamiltonian Monte Carlo whose momenta go on from one temperature to the next, drawn anew in part (Sohl-Dickstein
 * & Culpepper 2012): a single leapfrog step each is then enough. It leaves exp(−U_β(x) − ½‖p‖²) invariant, and run backwards in
 * order it is its own reversal, momenta turned round. Pilot chains, with random numbers of their own, adapt an image's step size at
 * each temperature; it is then frozen. A transition is one phase of a plan; cost and gradient at a chain's place are kept from one
 * to the next. Log-weights are brought together in float64, some transitions at a time.
 */
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { Plan } from '../gpu/plan.ts';
import type { Recording } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { backward } from '../graph/backward.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import type { ResidentModel } from '../gan/resident-model.ts';
import { STREAMS } from '../gan/streams.ts';
import { fill } from '../ops/fill.ts';
import { type Chains, hmcAdapt, hmcTransition } from '../ops/hmc.ts';
import { addGradients } from '../ops/product.ts';
import { rowCost } from '../ops/row-cost.ts';
import { threefryNormal, threefryUniform } from '../ops/threefry.ts';
import { smoothed, stepScale, temperatures } from './anneal-schedule.ts';
import type { Noise } from './noise.ts';
import { mostRows } from './rows-at-a-time.ts';

export interface ChainSettings extends Noise {
  /** Chains of each image that are measured, and that tune its step sizes before. */
  readonly chains: number;
  readonly pilotChains: number;
  /** T. */
  readonly steps: number;
  /** Leapfrog steps of a transition. */
  readonly leapfrogSteps: number;
  readonly targetAcceptance: number;
  readonly seed: number;
}

export interface ChainHooks {
  /** Called before each piece of work; throws where it should stop. */
  readonly check: () => void;
  /** Called with the share of a pass that is done, 0..1. */
  readonly onProgress: (done: number) => void;
}

/** A block's forward chains: an image's chains are neighbours. */
export interface ForwardChains {
  /** log w, [images·chains]. */
  readonly logWeights: Float64Array;
  /** Where the chains are at last: x, [images·chains, r], and l there. */
  readonly positions: Float32Array;
  readonly costs: Float32Array;
  /** The mean probability of acceptance, and the step size: [T − 1, images]. */
  readonly acceptance: Float32Array;
  readonly stepSizes: Float32Array;
}

/** One transition, and the share of the log-density that is weighed before it, both over λ. */
interface Move {
  /** Whose step sizes it takes: 1 … T − 1. */
  readonly t: number;
  readonly strength: number;
  readonly increment: number;
  /**
   * Whose step sizes say how much of the momenta is kept before it: those of the forward transition whose momenta they are.
   */
  readonly refreshAt: number;
}

type Kind = 'pilot' | 'chains';
type PhaseName = `${Kind}.${'draw' | 'place' | 'move'}`;

/** A trajectory is a quarter of the prior's period at most, where it forgets where it came from. */
const LONGEST_TRAJECTORY = Math.PI / 2;
/** Step sizes go no further below the largest than this. */
const LEAST_SHARE = 1e-6;
/** Time after which half of the momenta is left, in units in which the prior's period is 2π. */
const MEMORY = 0.5;
/** How far log ε goes for each unit of acceptance: quick enough to follow the temperature, slow enough to average over chains. */
const GAIN = 0.25;

/** Operations between two looks at the host, about a quarter of a second on a slow adapter of the kind; transitions at most. */
const RUN_FLOPS = { software: 4e9, hardware: 1e12 };
const MOST_MOVES = 64;

export class AnnealedChains implements Disposable {
  /** Images in a block. */
  readonly images: number;
  readonly #device: Device;
  readonly #settings: ChainSettings;
  readonly #r: number;
  readonly #plan: Plan<PhaseName>;
  readonly #buffers: Readonly<Record<string, OwnedBuffer>>;
  /** Transitions between two looks at the host. */
  readonly #movesPerRun: Readonly<Record<Kind, number>>;
  /** β_t/λ in float32, as the GPU has it: what is weighed is the difference of what the transitions used. */
  readonly #strengths: readonly number[];
  #block = 0;

  private constructor(parts: {
    device: Device;
    settings: ChainSettings;
    images: number;
    r: number;
    plan: Plan<PhaseName>;
    buffers: Readonly<Record<string, OwnedBuffer>>;
    movesPerRun: Readonly<Record<Kind, number>>;
  }) {
    this.#device = parts.device;
    this.#settings = parts.settings;
    this.images = parts.images;
    this.#r = parts.r;
    this.#plan = parts.plan;
    this.#buffers = parts.buffers;
    this.#movesPerRun = parts.movesPerRun;
    const { steps, lambda } = parts.settings;
    this.#strengths = Array.from(temperatures(steps), (beta) => Math.fround(beta / lambda));
  }

  /**
   * Builds what `count` images of d values need, in blocks whose size bounds the memory and the length of a dispatch.
   */
  static async create(
    device: Device,
    resident: ResidentModel,
    d: number,
    count: number,
    settings: ChainSettings,
  ): Promise<AnnealedChains> {
    const { chains, pilotChains, steps } = settings;
    const r = resident.model.configuration.settings.model.latent;
    const probe = new Recorder(device, resident, d, 1, settings);
    const widest = Math.max(chains, pilotChains);
    const most = mostRows(device, widest, (rows) => probe.ofImages(rows / widest).move('chains')) / widest;
    const images = Math.ceil(count / Math.ceil(count / most));
    const recorder = probe.ofImages(images);
    const rows = images * widest;
    const table = (steps + 1) * images;
    const buffers: Record<string, OwnedBuffer> = {};
    try {
      for (const [name, floats] of Object.entries({
        observations: images * d,
        positions: rows * r,
        momenta: rows * r,
        gradients: rows * r,
        costs: rows,
        weights: rows,
        rates: table,
        sizes: table,
      }))
        buffers[name] = device.storage(`annealing.${name}`, floats * 4);
      const phases = {} as Record<PhaseName, Recording>;
      for (const kind of ['pilot', 'chains'] as const)
        for (const part of ['draw', 'place', 'move'] as const)
          phases[`${kind}.${part}`] = recorder[part](kind);
      const movesPerRun = (kind: Kind): number => {
        const flops = phases[`${kind}.move`].dispatches.reduce((sum, dispatch) => sum + dispatch.flops, 0);
        return Math.max(1, Math.min(MOST_MOVES, Math.floor(RUN_FLOPS[device.adapter.kind] / flops)));
      };
      const externals = Object.fromEntries(
        Object.entries(buffers).map(([name, { buffer }]) => [name, buffer]),
      );
      const plan = await Plan.create(
        device,
        phases,
        { ...resident.externals, ...externals },
        { phasesPerRun: MOST_MOVES },
      );
      return new AnnealedChains({
        device,
        settings,
        images,
        r,
        plan,
        buffers,
        movesPerRun: { pilot: movesPerRun('pilot'), chains: movesPerRun('chains') },
      });
    } catch (error) {
      for (const owned of Object.values(buffers)) owned.dispose();
      throw error;
    }
  }

  /**
   * Takes up a block of images.
   * @param observations of at most `images`, [·, d]; @param block which one of the set: it says which random numbers are its own.
   */
  load(observations: Float32Array<ArrayBuffer>, block: number): void {
    this.#device.upload(this.#buffer('observations'), 0, observations);
    this.#block = block;
  }

  /** Runs the pilot chains of the images taken up, and freezes the step sizes that they end with. */
  async tune(hooks: ChainHooks): Promise<void> {
    const { leapfrogSteps } = this.#settings;
    const largest = new Float32Array(this.images).fill(LONGEST_TRAJECTORY / leapfrogSteps);
    const sizes = this.#buffer('sizes');
    const row = 4 * this.images;
    this.#device.upload(sizes, row, largest); // of transition 1
    const source = { kind: 'pilot', stream: STREAMS.annealingPilot } as const;
    this.#draw(source);
    await this.#run(source, this.#forwardMoves(), hooks);
    const count = this.#settings.steps - 1;
    const found = await this.#device.readFloats(sizes, row, count * this.images);
    this.#device.upload(sizes, row, smoothed(found, this.images));
  }

  /** Runs the measured chains from the prior to the posterior, with the step sizes of the pilot chains. */
  async forward(hooks: ChainHooks): Promise<ForwardChains> {
    const device = this.#device;
    const source = { kind: 'chains', stream: STREAMS.annealing } as const;
    this.#draw(source);
    const logWeights = await this.#run(source, this.#forwardMoves(), hooks);
    const rows = this.images * this.#settings.chains;
    const row = 4 * this.images;
    const transitions = (this.#settings.steps - 1) * this.images;
    return {
      logWeights,
      positions: await device.readFloats(this.#buffer('positions'), 0, rows * this.#r),
      costs: await device.readFloats(this.#buffer('costs'), 0, rows),
      acceptance: await device.readFloats(this.#buffer('rates'), row, transitions),
      stepSizes: await device.readFloats(this.#buffer('sizes'), row, transitions),
    };
  }

  /**
   * Runs the measured chains from given latents of the posterior back to the prior.
   * @param latents one of each image, [images, r]: all of its chains start there.
   * @returns log w, [images·chains], of which E 1/w = 1/f(y) up to log C.
   */
  async reverse(latents: Float32Array, hooks: ChainHooks): Promise<Float64Array> {
    const { chains } = this.#settings;
    const r = this.#r;
    const starts = new Float32Array(this.images * chains * r);
    for (let row = 0; row < this.images * chains; row++) {
      const image = Math.floor(row / chains);
      starts.set(latents.subarray(image * r, (image + 1) * r), row * r);
    }
    this.#device.upload(this.#buffer('positions'), 0, starts);
    this.#plan.run([{ phase: 'chains.place' }]);
    return this.#run({ kind: 'chains', stream: STREAMS.annealingReverse }, this.#reverseMoves(), hooks);
  }

  dispose(): void {
    this.#plan.dispose();
    for (const owned of Object.values(this.#buffers)) owned.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #buffer(name: string): GPUBuffer {
    return (this.#buffers[name] as OwnedBuffer).buffer;
  }

  /** Latents of the prior, and their costs. */
  #draw({ kind, stream }: { readonly kind: Kind; readonly stream: number }): void {
    this.#plan.run([
      { phase: `${kind}.draw`, values: { stream, ...this.#firstBlocks(kind) } },
      { phase: `${kind}.place` },
    ]);
  }

  /** Where the block's random numbers begin in each sequence: blocks of two values. */
  #firstBlocks(kind: Kind): { firstNormal: number; firstUniform: number } {
    const { chains, pilotChains } = this.#settings;
    const rows = this.images * (kind === 'pilot' ? pilotChains : chains);
    return {
      firstNormal: this.#block * Math.ceil((rows * this.#r) / 2),
      firstUniform: this.#block * Math.ceil(rows / 2),
    };
  }

  /** Transitions with the weighing before each, and the last weighing on the host: log w, [rows]. */
  async #run(
    { kind, stream }: { readonly kind: Kind; readonly stream: number },
    { moves, last }: { readonly moves: readonly Move[]; readonly last: number },
    { check, onProgress }: ChainHooks,
  ): Promise<Float64Array> {
    const device = this.#device;
    const { chains, pilotChains } = this.#settings;
    const rows = this.images * (kind === 'pilot' ? pilotChains : chains);
    const logWeights = new Float64Array(rows);
    const perRun = this.#movesPerRun[kind];
    for (let start = 0; start < moves.length; start += perRun) {
      check();
      const now = moves.slice(start, start + perRun);
      this.#plan.run(
        now.map(({ t, strength, increment, refreshAt }, i) => ({
          phase: `${kind}.move`,
          values: {
            stream,
            ...this.#firstBlocks(kind),
            noise: 2 * t,
            uniforms: 2 * t + 1,
            first: t * this.images,
            scale: stepScale(t),
            refreshFirst: refreshAt * this.images,
            anew: Number(start + i === 0),
            strength,
            increment,
            fresh: Number(i === 0),
          },
        })),
      );
      const weights = await device.readFloats(this.#buffer('weights'), 0, rows);
      weights.forEach((weight, row) => (logWeights[row] = (logWeights[row] as number) + weight));
      onProgress((start + now.length) / moves.length);
    }
    const costs = await device.readFloats(this.#buffer('costs'), 0, rows);
    costs.forEach((cost, row) => (logWeights[row] = (logWeights[row] as number) - last * cost));
    return logWeights;
  }

  #forwardMoves(): { moves: Move[]; last: number } {
    const { steps } = this.#settings;
    const moves = Array.from({ length: steps - 1 }, (_, i): Move => {
      const t = i + 1;
      return { t, strength: this.#strengths[t] as number, increment: this.#increment(t), refreshAt: t };
    });
    return { moves, last: this.#increment(steps) };
  }

  #reverseMoves(): { moves: Move[]; last: number } {
    const { steps } = this.#settings;
    const moves = Array.from({ length: steps - 1 }, (_, i): Move => {
      const t = steps - 1 - i;
      return {
        t,
        strength: this.#strengths[t] as number,
        increment: this.#increment(t + 1),
        refreshAt: Math.min(t + 1, steps - 1),
      };
    });
    return { moves, last: this.#increment(1) };
  }

  /** (β_t − β_{t−1})/λ. */
  #increment(t: number): number {
    return (this.#strengths[t] as number) - (this.#strengths[t - 1] as number);
  }
}

/** The recordings of a block of so many images. */
class Recorder {
  readonly #device: Device;
  readonly #resident: ResidentModel;
  readonly #d: number;
  readonly #r: number;
  readonly #images: number;
  readonly #settings: ChainSettings;

  constructor(device: Device, resident: ResidentModel, d: number, images: number, settings: ChainSettings) {
    this.#device = device;
    this.#resident = resident;
    this.#d = d;
    this.#r = resident.model.configuration.settings.model.latent;
    this.#images = images;
    this.#settings = settings;
  }

  ofImages(images: number): Recorder {
    return new Recorder(this.#device, this.#resident, this.#d, images, this.#settings);
  }

  /** Latents of the prior: sequence 0 of the stream. */
  draw(kind: Kind): Recording {
    const graph = new Graph();
    const drawn = threefryNormal(graph, 'annealing.start', [this.#rows(kind), this.#r], {
      key: [this.#settings.seed, { step: 'stream' }],
      counter: 0,
      firstBlock: { step: 'firstNormal' },
    });
    graph.place(drawn, { buffer: 'positions', offset: 0 });
    return this.#recording(graph);
  }

  /** Cost and gradient where the chains are. */
  place(kind: Kind): Recording {
    const graph = new Graph();
    const { positions } = this.#chains(graph, kind);
    const { costs, gradients } = this.#evaluate(graph, positions);
    graph.place(costs, { buffer: 'costs', offset: 0 });
    graph.place(gradients, { buffer: 'gradients', offset: 0 });
    return this.#recording(graph);
  }

  /** Weighs the chains and makes one transition. Sequences 2t and 2t + 1 of the stream are its momenta and uniforms. */
  move(kind: Kind): Recording {
    const { seed, leapfrogSteps, targetAcceptance } = this.#settings;
    const graph = new Graph();
    const rows = this.#rows(kind);
    const chains = this.#chains(graph, kind);
    const key = [seed, { step: 'stream' }] as const;
    const noise = threefryNormal(graph, 'annealing.noise', [rows, this.#r], {
      key,
      counter: { step: 'noise' },
      firstBlock: { step: 'firstNormal' },
    });
    const uniforms = threefryUniform(graph, 'annealing.uniforms', [rows], {
      key,
      counter: { step: 'uniforms' },
      firstBlock: { step: 'firstUniform' },
    });
    const stepSizes = this.#table(graph, 'sizes');
    const outcomes = hmcTransition(graph, chains, (positions) => this.#evaluate(graph, positions), {
      stepSizes,
      first: { step: 'first' },
      scale: { step: 'scale' },
      leapfrogSteps,
      strength: { step: 'strength' },
      noise,
      uniforms,
      refreshment: {
        first: { step: 'refreshFirst' },
        rate: leapfrogSteps / MEMORY,
        anew: { step: 'anew' },
      },
      weighing: { increment: { step: 'increment' }, fresh: { step: 'fresh' } },
    });
    const most = LONGEST_TRAJECTORY / leapfrogSteps;
    hmcAdapt(
      graph,
      outcomes,
      { rates: this.#table(graph, 'rates'), stepSizes },
      {
        first: { step: 'first' },
        gain: kind === 'pilot' ? GAIN : 0,
        wanted: targetAcceptance,
        least: LEAST_SHARE * most,
        most,
      },
    );
    return this.#recording(graph);
  }

  /** l(y, G(x)) and its gradient with respect to x. */
  #evaluate(graph: Graph, positions: Tensor): { costs: Tensor; gradients: Tensor } {
    const observations = graph.external('observations', [this.#images, this.#d], {
      buffer: 'observations',
      offset: 0,
    });
    const generated = this.#resident.generate(graph, positions);
    const costs = rowCost(graph, observations, generated, this.#settings.cost);
    const one = fill(graph, costs.shape, 1);
    const [gradients] = backward(graph, [[costs, one]], [positions], addGradients) as [Tensor];
    return { costs, gradients };
  }

  #rows(kind: Kind): number {
    const { chains, pilotChains } = this.#settings;
    return this.#images * (kind === 'pilot' ? pilotChains : chains);
  }

  #chains(graph: Graph, kind: Kind): Chains {
    const rows = this.#rows(kind);
    const external = (name: string, shape: readonly number[]): Tensor =>
      graph.external(name, shape, { buffer: name, offset: 0 });
    return {
      positions: external('positions', [rows, this.#r]),
      momenta: external('momenta', [rows, this.#r]),
      gradients: external('gradients', [rows, this.#r]),
      costs: external('costs', [rows]),
      weights: external('weights', [rows]),
    };
  }

  /** A row for each transition, and one more at either end. */
  #table(graph: Graph, name: 'rates' | 'sizes'): Tensor {
    const shape = [this.#settings.steps + 1, this.#images];
    return graph.external(name, shape, { buffer: name, offset: 0 });
  }

  #recording(graph: Graph): Recording {
    return schedule(graph, targetOf(this.#device)).recording;
  }
}
