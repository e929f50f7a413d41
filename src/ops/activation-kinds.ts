/** The activation functions, by the names users write and the numbers kernels take (the ACTIVATION and GATE overrides). */

export const ACTIVATIONS = ['linear', 'relu', 'leaky-relu', 'sigmoid', 'tanh', 'softplus'] as const;
export type ActivationKind = (typeof ACTIVATIONS)[number];

/** The number that stands for an activation in `shaders/lib/activation.wgsl`. */
export function activationNumber(kind: ActivationKind): number {
  return ACTIVATIONS.indexOf(kind);
}
