/** Optimisers as plain data: what users choose and a model file records. The updates are in `ops/optimiser.ts`. */

export const OPTIMISERS = ['adam', 'adamw', 'rmsprop', 'sgd'] as const;

export interface OptimiserSettings {
  readonly kind: (typeof OPTIMISERS)[number];
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled (AdamW). */
  readonly weightDecay: number;
  /** Of RMSProp's running mean square. */
  readonly decay: number;
  readonly momentum: number;
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. */
  readonly clipNorm: number;
  /**
   * After every update each weight is brought into [−weightBound, weightBound], biases included; 0 leaves them as they are.
   * What Wasserstein GANs call weight clipping (Arjovsky et al. 2017).
   */
  readonly weightBound: number;
}

const DEFAULTS = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  decay: 0.9,
  momentum: 0,
  clipNorm: 0,
  weightBound: 0,
} as const;

type Choice<K extends keyof OptimiserSettings> = { readonly rate: number } & Partial<
  Pick<OptimiserSettings, K | 'clipNorm' | 'weightBound'>
>;

/** Adam (Kingma & Ba 2015). Defaults: β = (0.9, 0.999), ε = 1e-8. */
export const adam = (options: Choice<'beta1' | 'beta2' | 'epsilon'>): OptimiserSettings => ({
  kind: 'adam',
  ...DEFAULTS,
  ...options,
});

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019). Default decay 0.01. */
export const adamw = (options: Choice<'beta1' | 'beta2' | 'epsilon' | 'weightDecay'>): OptimiserSettings => ({
  kind: 'adamw',
  ...DEFAULTS,
  weightDecay: 0.01,
  ...options,
});

/** RMSProp (Tieleman & Hinton 2012). Defaults: decay 0.9, ε = 1e-8. */
export const rmsprop = (options: Choice<'decay' | 'epsilon'>): OptimiserSettings => ({
  kind: 'rmsprop',
  ...DEFAULTS,
  ...options,
});

/** Gradient descent with momentum (default 0). */
export const sgd = (options: Choice<'momentum'>): OptimiserSettings => ({
  kind: 'sgd',
  ...DEFAULTS,
  ...options,
});
