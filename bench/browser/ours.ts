/** Our side of the browser benchmark: what a page does to score one image. */
import { Scorer, loadModel, openDevice } from '../../src/browser.ts';
import type { Side, SideName } from './side.ts';

const score: Side = async (address, { latents, seed }) => {
  const device = await openDevice();
  const scorer = await Scorer.create(device, await loadModel(`${address}model.safetensors`), {
    latents,
    seed,
  });
  return async (image) => {
    const { importance, essImportance } = await scorer.score({ data: image, shape: [1, image.length] });
    return { logLikelihood: importance[0] as number, ess: essImportance[0] as number };
  };
};

/** Starts this side; there is but one. */
export const start = (_: SideName, ...rest: Parameters<Side>): ReturnType<Side> => score(...rest);
