/** What the generator makes: a grid of samples, and one image of latents that are set by hand. */
import type { Scorer } from '../../src/browser.ts';
import { find } from './find.ts';
import type { Lane } from './lane.ts';
import { fixed } from './numbers.ts';
import { drawPicture, drawTiles, pictureOf } from './picture.ts';

export interface SamplesView {
  /** Shows another model's samples, all latents at 0. */
  readonly showModel: () => void;
}

const SAMPLES = 24;
const COLUMNS = 6;
/** Models with more latents get one slider and a choice of dimension. */
const MOST_SLIDERS = 8;
const REACH = 3;

/** @param scorer the scorer of the moment, asked for when the lane comes to the work. */
export function createSamplesView(lane: Lane, scorer: () => Scorer | undefined): SamplesView {
  const sliders = find('#latent-sliders', HTMLDivElement);
  let seed = 0;
  let latents = new Float32Array(0);

  const drawSamples = (): void =>
    lane.put('samples', async () => {
      const from = scorer();
      if (!from) return;
      const { sample } = from.model.configuration.settings.model;
      drawTiles(
        find('#samples', HTMLCanvasElement),
        picturesOf(await from.sample(SAMPLES, { seed }), sample, SAMPLES),
        COLUMNS,
      );
    });
  const drawLive = (): void =>
    lane.put('generate', async () => {
      const from = scorer();
      if (!from || latents.length !== from.model.configuration.settings.model.latent) return;
      const made = await from.generate(latents);
      drawPicture(
        find('#live', HTMLCanvasElement),
        pictureOf(made, from.model.configuration.settings.model.sample),
      );
    });
  const setLatent = (dimension: number, value: number): void => {
    latents[dimension] = value;
    drawLive();
  };
  const buildSliders = (): void => {
    const count = latents.length;
    if (count <= MOST_SLIDERS) {
      sliders.replaceChildren(
        ...Array.from(latents, (value, i) => latentSlider(i, value, (to) => setLatent(i, to))),
      );
      return;
    }
    const choice = document.createElement('select');
    choice.setAttribute('aria-label', 'Latent dimension');
    choice.append(...Array.from(latents, (_, i) => new Option(`latent ${i + 1} of ${count}`, String(i))));
    const place = document.createElement('div');
    const show = (): void => {
      const i = Number(choice.value);
      place.replaceChildren(latentSlider(i, latents[i] as number, (to) => setLatent(i, to)));
    };
    choice.addEventListener('change', show);
    sliders.replaceChildren(choice, place);
    show();
  };
  const reset = (): void => {
    latents = new Float32Array(scorer()?.model.configuration.settings.model.latent ?? 0);
    buildSliders();
    drawLive();
  };

  find('#new-samples', HTMLButtonElement).addEventListener('click', () => {
    seed++;
    drawSamples();
  });
  find('#reset-latents', HTMLButtonElement).addEventListener('click', reset);
  return {
    showModel: () => {
      drawSamples();
      reset();
    },
  };
}

/** The rows of `values`, [count, d], as pictures. */
export function picturesOf(values: Float32Array, shape: readonly number[], count: number) {
  const d = values.length / count;
  return Array.from({ length: count }, (_, i) => pictureOf(values.subarray(i * d, (i + 1) * d), shape));
}

function latentSlider(index: number, value: number, onInput: (value: number) => void): HTMLElement {
  const row = document.createElement('div');
  row.className = 'latent';
  const id = `latent-${index}`;
  const label = document.createElement('label');
  label.htmlFor = id;
  label.innerHTML = `<span class="visually-hidden">Latent </span>x<sub>${index + 1}</sub>`;
  const slider = document.createElement('input');
  Object.assign(slider, { type: 'range', id, min: -REACH, max: REACH, step: 0.05, value });
  const output = document.createElement('output');
  output.htmlFor.add(id);
  const write = (): void => void (output.textContent = fixed(slider.valueAsNumber));
  write();
  slider.addEventListener('input', () => {
    write();
    onInput(slider.valueAsNumber);
  });
  row.append(label, slider, output);
  return row;
}
