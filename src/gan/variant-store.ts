/** Where the choices of kernels, made by timing them, are kept between runs. Nothing is written here: what has a disk does that. */

/** Names of kernels by the keys of shapes, as in `matmul 64x784x256 NN`: `matmul_subgroup4`. */
export type Variants = Readonly<Record<string, string>>;

/**
 * Keeps choices from run to run, apart for each `adapter`: a line of text that names adapter, driver, precision, whether bounds are
 * checked, and the revision of the library. The Node entry has `variantStore()`; in a page a `Map` will do.
 */
export interface VariantStore {
  /** What was saved; {} where nothing was. */
  readonly load: (adapter: string) => Promise<Variants>;
  /** Takes all that is known now. Where it rejects, training goes on, and reports why. */
  readonly save: (adapter: string, variants: Variants) => Promise<void>;
}
