/** Images as a data set that fits a model: the boundary of everything that scores them. */
import { type Dataset, dataset, sampleSize } from '../data/dataset.ts';
import type { Model } from '../gan/model.ts';
import { UserError } from '../gpu/errors.ts';

/** A data set, or values [N, ...sample] on the model's pixel scale. */
export type Images =
  Dataset | { readonly data: Float32Array | Uint8Array; readonly shape: readonly number[] };

/**
 * The images as a data set.
 * @param where what takes them, for messages.
 * @throws UserError where they do not fit the model or hold values that are not finite.
 */
export function imagesFor(where: string, model: Model, images: Images): Dataset {
  const set = 'pixels' in images ? images : dataset({ ...images, name: 'images' });
  const { settings, pixelScale } = model.configuration;
  const d = sampleSize(settings.model.sample);
  if (sampleSize(set.shape) !== d)
    throw new UserError(
      `${where}: images of ${set.name} have shape [${set.shape}] (${sampleSize(set.shape)} values), the model was made for [${settings.model.sample}] (${d})`,
    );
  if (pixelScale !== null && set.pixels.kind === 'bytes' && set.pixels.scale !== pixelScale)
    throw new UserError(
      `${where}: pixels of ${set.name} are bytes times ${set.pixels.scale}, the model's bytes times ${pixelScale}; use the same scale`,
    );
  return set;
}
