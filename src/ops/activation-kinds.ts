/** The activation functions, by the names users write and the numbers kernels take (the ACTIVATION and GATE overrides). */

export const ACTIVATIONS = ['linear', 'relu', 'leaky-relu', 'sigmoid', 'tanh', 'softplus'] as const;
export type ActivationKind = (typeof ACTIVATIONS)[number];

/** The number that stands for an activation in `shaders/lib/activation.wgsl`. */
export function activationNumber(kind: ActivationKind): number {
  return ACTIVATIONS.indexOf(kind);
}

/** Those whose derivative does not change within a piece, so that their second derivative is 0. */
const LINEAR_IN_PIECES: readonly ActivationKind[] = ['linear', 'relu', 'leaky-relu'];

export function isLinearInPieces(kind: ActivationKind): boolean {
  return LINEAR_IN_PIECES.includes(kind);
}
