/** The training images of a digit, drawn a slice at a time so that the page goes on. */
import { type Dataset, dataset, glyphs } from '../../src/browser.ts';

const COUNT = 6000;
const SLICE = 50;

/**
 * All training images of a digit, under the name that `glyphs?labels=…` has.
 * @param onProgress called with the share that is drawn.
 * @throws the signal's reason once it says to stop.
 */
export async function drawTrainingData(
  digit: number,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<Dataset> {
  let data: Uint8Array | undefined;
  let sample: readonly number[] = [];
  for (let offset = 0; offset < COUNT; offset += SLICE) {
    const { pixels, shape } = glyphs({ labels: [digit], offset, limit: SLICE });
    data ??= new Uint8Array((COUNT / SLICE) * pixels.data.length);
    data.set(pixels.data, (offset / SLICE) * pixels.data.length);
    sample = shape;
    onProgress((offset + SLICE) / COUNT);
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal.throwIfAborted();
  }
  return dataset({
    data: data as Uint8Array,
    shape: [COUNT, ...sample],
    labels: new Uint8Array(COUNT).fill(digit),
    name: `glyphs?labels=${digit}`,
  });
}
