/** A worker that scores the images it is sent under the model of an address: what an application's own worker would do. */
import { Scorer, loadModel, openDevice } from '../../src/browser.ts';

addEventListener('message', ({ data }: MessageEvent<{ model: string; images: Float32Array }>) => {
  void (async () => {
    const device = await openDevice();
    const model = await loadModel(data.model);
    const { sample } = model.configuration.settings.model;
    const scorer = await Scorer.create(device, model, { latents: 256, seed: 7 });
    const d = sample.reduce((product, size) => product * size, 1);
    const scores = await scorer.score({ data: data.images, shape: [data.images.length / d, ...sample] });
    postMessage(Array.from(scores.importance));
    scorer.dispose();
    device.dispose();
  })();
});
