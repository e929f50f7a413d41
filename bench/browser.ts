/**
 * npm run bench:browser [-- --model web/public/ones.safetensors --latents 2000 --turns 5 --json --out FILE]
 * One image scored in a page, ours against tfjs-webgpu in the same Chromium on the same adapter: the time from opening a page,
 * in a browser that was just started, to its first score, and scorings per second after that, in turn in one page. Verified first: both sides are
 * given the same latents and must agree. The model has to be an MLP with the half-squared cost.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rows } from '../src/data/dataset.ts';
import { glyphs } from '../src/data/glyphs.ts';
import { encodeModel } from '../src/gan/model-file.ts';
import type { Model } from '../src/gan/model.ts';
import { STREAMS } from '../src/gan/streams.ts';
import { describeAdapter } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { logNormaliser } from '../src/likelihood/log-normaliser.ts';
import { noiseOf } from '../src/likelihood/noise.ts';
import { openDevice } from '../src/node/open-device.ts';
import { readModel } from '../src/node/model-files.ts';
import { threefryNormal } from '../src/ops/threefry.ts';
import { bundle } from '../test/support/browser-bundle.ts';
import { type Site, launchChromium, openPage, serve } from '../test/support/chromium.ts';
import type { OnePage } from './browser/page.ts';
import { type PlainMlp, type Score, type SideName, SIDES } from './browser/side.ts';
import { median } from './interleave.ts';
import { printProvenance, provenance, table, writeResult } from './output.ts';

/** What the pages hold as `bench`: all of it in the one for both sides, a side's own start in its own. */
declare const bench: typeof import('./browser/page.ts') & typeof import('./browser/ours.ts');

const SEED = 7;
/** A turn of scorings lasts about so long. */
const TURN_MS = 2000;
/** Images that both sides must agree on. */
const VERIFIED = 8;
/** Nats between the two sides: both are sums of float32. */
const ALLOWED_NATS = 5e-3;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'web/public/ones.safetensors' },
    latents: { type: 'string', default: '2000' },
    turns: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const print = values.json ? () => {} : (text: string): void => console.log(text);
const latents = wholeNumber('latents');
const turns = wholeNumber('turns');

const model = await readModel(values.model);
const site = await benchmarkSite(model);
const images = Array.from({ length: VERIFIED }, (_, i) => [
  ...rows(glyphs({ split: 'test', offset: i, limit: 1 }), 0, 1),
]);
try {
  const { scores, adapter, tfjs, timings } = await scoreInOnePage();
  verify(scores);
  const first = await firstScores(scores.ours[0] as Score);
  const where = provenance(describeAdapter(adapter as GPUAdapterInfo));
  print(`${printProvenance(where)}, tfjs ${tfjs}`);
  print(`one image at a time, K = ${latents}, ${values.model}: both sides agree on ${VERIFIED} images\n`);
  print(report(first, timings));
  const result = {
    benchmark: 'browser',
    ...where,
    tfjs,
    latents,
    model: values.model,
    scores,
    first,
    timings,
  };
  if (values.json) console.log(JSON.stringify(result));
  if (values.out) await writeResult(values.out, result);
} finally {
  await site.close();
}

function wholeNumber(name: 'latents' | 'turns'): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`bench: --${name} is ${values[name]}; must be a whole number of 1 or more`);
  return value;
}

/** The page, the model for us, and for tfjs its generator's weights and the latents that our side draws. */
async function benchmarkSite(model: Model): Promise<Site> {
  const { settings } = model.configuration;
  const { cost, lambda } = noiseOf(settings);
  const { sample, latent, generator } = settings.model;
  const widths = generator.flatMap((layer) => (layer.kind === 'dense' ? [layer.units] : []));
  if (cost !== 'half-squared' || widths.length !== generator.length)
    throw new UserError(
      `bench: ${values.model}: must be an MLP with the half-squared cost; train it with --arch mlp`,
    );
  const d = sizeOf(sample);
  const mlp: PlainMlp = { widths: [latent, ...widths], lambda, logC: logNormaliser(cost, d, lambda) };
  using device = await openDevice({ adapter: 'software' });
  const { drawn } = await evaluate(device, {}, (graph) => ({
    drawn: threefryNormal(graph, 'drawn', [latents, latent], { key: [SEED, STREAMS.scoring], counter: 0 }),
  }));
  const bytes = (array: Float32Array): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const script = async (name: string): Promise<string> =>
    (
      await bundle(
        { path: join(import.meta.dirname, 'browser', `${name}.ts`) },
        { globalName: 'bench', minify: true },
      )
    ).text;
  const html = (name: string): string =>
    `<!doctype html><title>bench</title><script src="${name}.js"></script>`;
  return serve(undefined, {
    'both.html': html('page'),
    'ours.html': html('ours'),
    'tfjs.html': html('tfjs'),
    'page.js': await script('page'),
    'ours.js': await script('ours'),
    'tfjs.js': await script('tfjs'),
    'model.safetensors': encodeModel(model),
    'mlp.json': JSON.stringify(mlp),
    'mlp.bin': bytes(Float32Array.from([...model.generator.values()].flatMap(({ data }) => [...data]))),
    'latents.bin': bytes(drawn),
  });
}

async function scoreInOnePage(): Promise<OnePage> {
  const browser = await launchChromium();
  try {
    const { page } = await openPage(browser, `${site.address}both.html`);
    return await page.evaluate(
      ([address, images, options, times]) => bench.scoreInTurn(address, images, options, times),
      [site.address, images, { latents, seed: SEED }, { turns, turnMs: TURN_MS }] as const,
    );
  } finally {
    await browser.close();
  }
}

/** Milliseconds from opening the page to its first score, each in a browser of its own, sides in turn. */
async function firstScores(expected: Score): Promise<Record<SideName, number[]>> {
  const found = Object.fromEntries(SIDES.map((side) => [side, [] as number[]])) as Record<SideName, number[]>;
  for (let turn = 0; turn < turns; turn++) {
    for (const side of SIDES) {
      const browser = await launchChromium();
      try {
        const { page } = await openPage(browser, `${site.address}${side === 'ours' ? 'ours' : 'tfjs'}.html`);
        const { ms, score } = await page.evaluate(
          async ([side, image, options, address]) => {
            const scoring = await bench.start(side, address, options);
            const score = await scoring(Float32Array.from(image));
            return { ms: performance.now(), score }; // since the page was opened
          },
          [side, images[0] as number[], { latents, seed: SEED }, site.address] as const,
        );
        agree(side, 0, score, expected);
        found[side].push(ms);
      } finally {
        await browser.close();
      }
    }
  }
  return found;
}

function verify(scores: OnePage['scores']): void {
  for (const side of SIDES)
    scores[side].forEach((score, image) => agree(side, image, score, scores.ours[image] as Score));
}

/** @throws Error where a side's score is not the one that is expected. */
function agree(side: SideName, image: number, { logLikelihood, ess }: Score, expected: Score): void {
  const near =
    Math.abs(logLikelihood - expected.logLikelihood) <= ALLOWED_NATS &&
    Math.abs(ess / expected.ess - 1) <= 0.01;
  if (!near)
    throw new Error(
      `bench: image ${image}: ${side} gives ${logLikelihood} nats, ESS ${ess}; ours ${expected.logLikelihood}, ${expected.ess}`,
    );
}

function report(first: Record<SideName, number[]>, timings: OnePage['timings']): string {
  const ours = median(first.ours);
  const lines = SIDES.map((side) => {
    const opening = median(first[side]);
    if (side === 'ours') return [side, opening.toFixed(0), '', '', ''];
    const [mine, theirs] = timings[side].medianMs;
    return [
      side,
      opening.toFixed(0),
      `${(opening / ours).toFixed(1)}×`,
      `${(1000 / theirs).toFixed(1)} to ${(1000 / mine).toFixed(1)}`,
      `${(theirs / mine).toFixed(1)}×`,
    ];
  });
  return table(['side', 'first score, ms', 'ours is', 'scorings/s, theirs to ours', 'ours is'], lines);
}
