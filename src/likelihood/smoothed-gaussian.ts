/**
 * From a Laplace approximation to the Gaussian that fits the posterior around it: for each image q = N(m, H⁻¹) with
 *   E_q ∇U = 0      H = E_q [I + Jᵀ F J]
 * which makes KL(q ‖ posterior) stationary, but for second derivatives of G (Opper & Archambeau 2009, with the curvature of
 * Gauss–Newton). At one point of a network of ReLUs the curvature is that of one linear piece; q sees the pieces that the
 * posterior lies over. Expectations are means over pairs m ± Tε, TTᵀ = H⁻¹. Where G is linear and the noise Gaussian, nothing moves.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';

/** At given latents: ∇U, [images, r], and H, [images, r, r]. */
export interface Curvature {
  readonly gradients: Float32Array;
  readonly hessians: Float32Array;
}

/** The means of images, [images, r], and the H of each. */
export interface Gaussians {
  readonly means: Float32Array<ArrayBuffer>;
  readonly precisions: readonly Matrix[];
}

/** Pairs of points for each update of m and H. */
export const PAIRS = 3;

/**
 * @param start the Laplace approximations, [images, r] and their H.
 * @param rounds updates of m and H.
 * @param normal the next of a sequence of standard normals of each image; rounds · PAIRS · r are taken.
 * @param curvatureAt ∇U and H at latents, [images, r].
 */
export async function smoothedGaussians(
  start: Gaussians,
  r: number,
  rounds: number,
  normal: (image: number) => number,
  curvatureAt: (latents: Float32Array<ArrayBuffer>) => Promise<Curvature>,
): Promise<Gaussians> {
  let { means, precisions } = start;
  for (let round = 0; round < rounds; round++) {
    const roots = precisions.map((precision) => new CholeskyDecomposition(precision).lowerTriangularMatrix);
    const gradients = new Float64Array(means.length);
    const sums = precisions.map(() => Matrix.zeros(r, r));
    for (let pair = 0; pair < PAIRS; pair++) {
      const offsets = Float64Array.from(roots.flatMap((root, i) => spread(root, () => normal(i))));
      for (const sign of [1, -1]) {
        const found = await curvatureAt(means.map((mean, at) => mean + sign * (offsets[at] as number)));
        found.gradients.forEach((value, at) => {
          gradients[at] = (gradients[at] as number) + value / (2 * PAIRS);
        });
        sums.forEach((sum, i) => sum.add(matrixOf(found.hessians, i, r).div(2 * PAIRS)));
      }
    }
    means = Float32Array.from(means);
    sums.forEach((precision, i) => {
      const slope = Matrix.columnVector(Array.from(gradients.subarray(i * r, (i + 1) * r)));
      const step = new CholeskyDecomposition(precision).solve(slope);
      // Not farther than the posterior is wide: points say little of what lies beyond them.
      const length = Math.sqrt(Math.max(0, slope.transpose().mmul(step).get(0, 0)) / r);
      for (let j = 0; j < r; j++)
        means[i * r + j] = (means[i * r + j] as number) - step.get(j, 0) / Math.max(1, length);
    });
    precisions = sums;
  }
  return { means, precisions };
}

/** L⁻ᵀε of the Cholesky factor L of H, for standard normals ε. */
function spread(root: Matrix, normal: () => number): number[] {
  const r = root.rows;
  const x = Array.from({ length: r }, normal);
  for (let i = r - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let j = i + 1; j < r; j++) sum -= root.get(j, i) * (x[j] as number);
    x[i] = sum / root.get(i, i);
  }
  return x;
}

/** Matrix i of [·, r, r], made symmetric: its columns come from products that were rounded one by one. */
export function matrixOf(all: Float32Array, i: number, r: number): Matrix {
  const matrix = new Matrix(r, r);
  for (let a = 0; a < r; a++)
    for (let b = 0; b < r; b++) {
      const value = (all[(i * r + a) * r + b] as number) + (all[(i * r + b) * r + a] as number);
      matrix.set(a, b, value / 2);
    }
  return matrix;
}
