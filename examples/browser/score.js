// Scores the picture of the page under a model: its log-likelihood, how sure that is, and whether it is near the truth.
import { Scorer, UserError, loadModel, openDevice, readImages } from 'entropic-gan/browser';

const output = document.querySelector('output');
try {
  const device = await openDevice();
  const model = await loadModel('../../web/public/ones.safetensors');
  const scorer = await Scorer.create(device, model, { latents: 2000, seed: 7 });

  const picture = document.querySelector('img');
  const images = await readImages([picture], { shape: model.configuration.settings.model.sample });
  const { importance, standardError, verdict } = await scorer.score(images);

  const interval = `${importance[0].toFixed(2)} ± ${(1.96 * standardError[0]).toFixed(2)} nats`;
  output.value = `log-likelihood ${interval}, ${verdict[0].tight ? 'tight' : 'loose'}: ${verdict[0].reason}`;
  scorer.dispose();
  device.dispose();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  output.value = error.message; // says what a visitor can do
}
