// The same in a worker, which keeps its device and its model for the pictures to come. Workers have no import maps: without a
// bundler the path of the file is given.
import { Scorer, UserError, loadModel, openDevice, readImages } from '../../dist/browser.bundle.js';

const ready = start();
ready.catch(() => {}); // told to each picture

async function start() {
  const device = await openDevice();
  const model = await loadModel('../../web/public/ones.safetensors');
  return { model, scorer: await Scorer.create(device, model, { latents: 2000, seed: 7 }) };
}

onmessage = async ({ data: bitmap }) => {
  try {
    const { model, scorer } = await ready;
    const images = await readImages([bitmap], { shape: model.configuration.settings.model.sample });
    const { importance } = await scorer.score(images);
    postMessage(`log-likelihood ${importance[0].toFixed(2)} nats`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    postMessage(error.message);
  } finally {
    bitmap.close();
  }
};
