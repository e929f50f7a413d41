/** The browser entry in a real Chromium, against the same work in Node: scores, random bits, pictures, errors, memory, workers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { glyphs } from '../../src/data/glyphs.ts';
import { rows } from '../../src/data/dataset.ts';
import { encodeModel } from '../../src/gan/model-file.ts';
import type { Model } from '../../src/gan/model.ts';
import { Scorer, type ScorerOptions } from '../../src/likelihood/scorer.ts';
import { dcgan, mlp } from '../../src/nn/architectures.ts';
import { openDevice } from '../../src/node/open-device.ts';
import { threefry } from '../reference/threefry.ts';
import { bundle } from '../support/browser-bundle.ts';
import { type Site, describeChromium, openPage, serve } from '../support/chromium.ts';
import { untrained } from '../support/models.ts';
import { type OracleArray, maxError, oracleCases } from '../support/oracle.ts';

/** What test/browser/harness.ts leaves in its page. */
declare const gan: typeof import('./harness.ts');

const snippet = (name: string): string =>
  readFileSync(join(import.meta.dirname, '..', '..', 'shaders', 'lib', `${name}.wgsl`), 'utf8');

const MODELS: Readonly<Record<string, Model>> = {
  mlp: untrained(mlp({ sample: [28, 28, 1], latent: 8, hidden: [48, 48] }), { lambda: 1, scale: 2 }),
  dcgan: untrained(dcgan({ image: [28, 28, 1], latent: 8, width: 4 }), { lambda: 1, scale: 2 }),
};
const COUNT = 20;
const OPTIONS: ScorerOptions = { latents: 256, seed: 7 };
const IMAGES = rows(glyphs({ limit: COUNT, split: 'test' }), 0, COUNT);

/** A chessboard of 8-bit grey values with a mark, as a PNG file. */
function chessboard(side: number): Buffer {
  const png = new PNG({ width: side, height: side });
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const value = x < side / 4 && y < side / 4 ? 255 : ((x + y) % 2) * 100;
    png.data.set([value, value, value, 255], 4 * i);
  }
  return PNG.sync.write(png);
}

const HTML = '<!doctype html><title>test</title><script src="gan.js"></script>';

describeChromium(
  'the browser entry',
  (browser: () => Browser) => {
    let site: Site;
    let elsewhere: Site;
    let page: Page;
    let messages: string[];

    beforeAll(async () => {
      const harness = await bundle({ path: join(import.meta.dirname, 'harness.ts') }, { globalName: 'gan' });
      const worker = await bundle({ path: join(import.meta.dirname, 'worker.ts') });
      const files = {
        'index.html': HTML,
        'gan.js': harness.text,
        'worker.js': worker.text,
        'picture.png': chessboard(28),
        'large.png': chessboard(5000),
        'text.png': 'this is no picture',
        'cut.safetensors': encodeModel(MODELS['mlp']!).subarray(0, 50_000),
        ...Object.fromEntries(
          Object.entries(MODELS).map(([name, model]) => [`${name}.safetensors`, encodeModel(model)]),
        ),
      };
      site = await serve(undefined, files);
      elsewhere = await serve(undefined, { 'picture.png': files['picture.png'] });
      ({ page, messages } = await openPage(browser(), site.address));
    });
    afterAll(async () => {
      await page.context().close();
      await site.close();
      await elsewhere.close();
    });

    /** The message of the UserError that the code in the page ends with. */
    const refusal = (attempt: string): Promise<string> =>
      page.evaluate(async (code) => {
        try {
          await (new Function(`return (async () => { ${code} })()`) as () => Promise<unknown>)();
          return 'nothing was refused';
        } catch (error) {
          return error instanceof gan.UserError ? error.message : `not a UserError: ${String(error)}`;
        }
      }, attempt);

    it.each(Object.keys(MODELS))('gives the scores of Node: %s', async (name) => {
      const there = await page.evaluate(
        async ([file, images, options]) => {
          const device = await gan.openDevice();
          const scorer = await gan.Scorer.create(device, await gan.loadModel(file), options);
          const scores = await scorer.score({
            data: Float32Array.from(images),
            shape: [images.length / 784, 784],
          });
          const samples = await scorer.sample(3);
          scorer.dispose();
          const { liveBuffers, adapter } = device;
          device.dispose();
          return {
            importance: [...scores.importance],
            surrogate: [...scores.surrogate],
            ess: [...scores.essImportance],
            samples: [...samples],
            liveBuffers,
            kind: adapter.kind,
          };
        },
        [`${name}.safetensors`, [...IMAGES], OPTIONS] as const,
      );
      using device = await openDevice({ adapter: 'software' });
      using scorer = await Scorer.create(device, MODELS[name]!, OPTIONS);
      const here = await scorer.score({ data: IMAGES, shape: [COUNT, 784] });
      expect(there.kind).toBe('software');
      expect(there.liveBuffers).toBe(0);
      expect(maxError(there.importance, here.importance)).toBeLessThan(1e-3);
      expect(maxError(there.surrogate, here.surrogate)).toBeLessThan(1e-3);
      expect(maxError(there.samples, await scorer.sample(3))).toBeLessThan(1e-5);
      // Not all alike: the comparison is of something.
      expect(Math.max(...there.importance) - Math.min(...there.importance)).toBeGreaterThan(1);
    });

    it('draws the random numbers of the known answers', async () => {
      const cases = oracleCases<{
        inputs: Partial<Record<'counter' | 'key', OracleArray>>;
        expected: Partial<Record<'bits' | 'uniform' | 'normal', OracleArray>>;
      }>('random').filter(({ inputs }) => inputs.counter);
      expect(cases.length).toBeGreaterThan(0);
      for (const { inputs, expected } of cases) {
        const counters = inputs.counter!.data;
        const keys = inputs.key!.data;
        const code = `
        @group(0) @binding(0) var<storage, read> blocks: array<vec4u>;
        @group(0) @binding(1) var<storage, read_write> out: array<vec2u>;
        @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
          out[id.x] = threefry2x32(blocks[id.x].xy, blocks[id.x].zw);
        }
        ${snippet('threefry')}`;
        const drawn = await page.evaluate(
          async ([counters, keys, code]) => {
            const device = await gan.openDevice();
            const count = counters.length / 2;
            const blocks = Uint32Array.from({ length: 4 * count }, (_, i) => {
              const from = i % 4 < 2 ? counters : keys;
              return from[2 * Math.floor(i / 4) + (i % 2)]!;
            });
            const module = device.gpu.createShaderModule({ code });
            const pipeline = device.gpu.createComputePipeline({ layout: 'auto', compute: { module } });
            const input = device.storageOf('blocks', blocks);
            const out = device.storage('out', 8 * count);
            const encoder = device.gpu.createCommandEncoder();
            const pass = encoder.beginComputePass();
            pass.setPipeline(pipeline);
            const entries = [input, out].map(({ buffer }, binding) => ({ binding, resource: { buffer } }));
            pass.setBindGroup(
              0,
              device.gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }),
            );
            pass.dispatchWorkgroups(count);
            pass.end();
            device.submit([encoder.finish()]);
            const bits = [...new Uint32Array(await device.read(out.buffer, 0, 8 * count))];
            const uniform: number[] = [];
            const normal: number[] = [];
            for (let i = 0; i < count; i++) {
              const source = {
                key: [keys[2 * i]!, keys[2 * i + 1]!] as const,
                counter: counters[2 * i + 1]!,
                firstBlock: counters[2 * i]!,
              };
              const both = await gan.evaluate(device, {}, (graph) => ({
                uniform: gan.threefryUniform(graph, 'uniform', [2], source),
                normal: gan.threefryNormal(graph, 'normal', [2], source),
              }));
              uniform.push(...both.uniform);
              normal.push(...both.normal);
            }
            device.dispose();
            return { bits, uniform, normal };
          },
          [[...counters], [...keys], code] as const,
        );
        const pairs = Array.from({ length: counters.length / 2 }, (_, i) =>
          threefry([counters[2 * i]!, counters[2 * i + 1]!], [keys[2 * i]!, keys[2 * i + 1]!]),
        ).flat();
        expect(drawn.bits).toEqual(pairs);
        expect(drawn.bits).toEqual(expected.bits!.data);
        expect(drawn.uniform).toEqual(pairs.map((bits) => ((bits >>> 8) + 1) * 2 ** -24));
        if (expected.normal)
          expect(
            maxError(drawn.normal.slice(0, expected.normal.data.length), expected.normal.data),
          ).toBeLessThan(2e-5);
      }
    });

    it('works on a device of the application, with default limits and no features', async () => {
      const [own, plain, alive] = await page.evaluate(
        async ([images, options]) => {
          const adapter = await navigator.gpu.requestAdapter();
          const gpu = await adapter!.requestDevice();
          const model = await gan.loadModel('mlp.safetensors');
          const score = async (device: import('./harness.ts').Device): Promise<number[]> => {
            const scorer = await gan.Scorer.create(device, model, options);
            const { importance } = await scorer.score({ data: Float32Array.from(images), shape: [20, 784] });
            scorer.dispose();
            device.dispose();
            return [...importance];
          };
          const scores = await score(await gan.openDevice({ device: gpu }));
          let ended = false;
          void gpu.lost.then(() => (ended = true));
          await gpu.queue.onSubmittedWorkDone();
          return [scores, await score(await gan.openDevice()), !ended] as const;
        },
        [[...IMAGES], OPTIONS] as const,
      );
      expect(alive).toBe(true);
      expect(maxError(own, plain)).toBeLessThan(1e-3); // other kernels, without subgroups
    });

    it('scores in a worker, and trains in the page', async () => {
      const [worker, here] = await page.evaluate(
        async (images) => {
          const data = Float32Array.from(images);
          const model = new URL('mlp.safetensors', location.href).href;
          const inWorker = await new Promise<number[]>((resolve, reject) => {
            const thread = new Worker('worker.js', { type: 'module' });
            thread.onmessage = (event) => resolve(event.data as number[]);
            thread.onerror = (event) => reject(new Error(event.message));
            thread.postMessage({ model, images: data });
          });
          const device = await gan.openDevice();
          const scorer = await gan.Scorer.create(device, await gan.loadModel(model), {
            latents: 256,
            seed: 7,
          });
          const { importance } = await scorer.score({ data, shape: [20, 784] });
          scorer.dispose();
          device.dispose();
          return [inWorker, [...importance]] as const;
        },
        [...IMAGES],
      );
      expect(worker).toEqual(here);
      const trained = await page.evaluate(async () => {
        const device = await gan.openDevice();
        const ones = await gan.loadDataset('glyphs?labels=1&limit=100');
        const trainer = await gan.Trainer.create(device, {
          model: gan.mlp({ sample: ones.shape, latent: 4, hidden: [16] }),
          batch: 16,
          lambda: 1,
        });
        const steps: number[] = [];
        for await (const { step } of trainer.run(ones, { steps: 4, reportEvery: 2 })) steps.push(step);
        const file = gan.modelFile(await trainer.model(), 'mine.safetensors');
        trainer.dispose();
        const again = await gan.loadModel(file);
        const { liveBuffers } = device;
        device.dispose();
        return { steps, name: file.name, trained: again.configuration.steps, liveBuffers };
      });
      expect(trained).toEqual({ steps: [2, 4], name: 'mine.safetensors', trained: 4, liveBuffers: 0 });
    });

    it('leaves the number of GPU buffers where it was, over 200 scorings', async () => {
      const [before, after] = await page.evaluate(async () => {
        let live = 0;
        const device = await gan.openDevice();
        const { gpu } = device;
        // Counted at the browser's own calls, not by the library.
        const { createBuffer } = GPUDevice.prototype;
        gpu.createBuffer = (descriptor) => {
          live++;
          const buffer = createBuffer.call(gpu, descriptor);
          let destroyed = false;
          buffer.destroy = () => {
            if (!destroyed) live--;
            destroyed = true;
            GPUBuffer.prototype.destroy.call(buffer);
          };
          return buffer;
        };
        const scorer = await gan.Scorer.create(device, await gan.loadModel('mlp.safetensors'), {
          latents: 64,
          seed: 7,
        });
        const image = { data: new Float32Array(784), shape: [1, 28, 28, 1] };
        await scorer.score(image);
        const first = live;
        for (let i = 0; i < 200; i++) await scorer.score(image);
        const last = live;
        scorer.dispose();
        device.dispose();
        return [first, last];
      });
      expect(before).toBeGreaterThan(0);
      expect(after).toBe(before);
    });

    it('reads the same picture from everything that holds one', async () => {
      const read = await page.evaluate(async () => {
        const shape = [28, 28, 1];
        const file = await (await fetch('picture.png')).blob();
        const image = new Image();
        image.src = 'picture.png';
        await image.decode();
        const bitmap = await createImageBitmap(file);
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [28, 28];
        const context = canvas.getContext('2d')!;
        context.drawImage(image, 0, 0);
        const offscreen = new OffscreenCanvas(28, 28);
        offscreen.getContext('2d')!.drawImage(image, 0, 0);
        const data = context.getImageData(0, 0, 28, 28);
        const sources = [file, new File([file], 'a.png'), image, bitmap, canvas, offscreen, data];
        const set = await gan.readImages(sources, { shape });
        const inverted = await gan.readImages([image], { shape, invert: true });
        const wide = new OffscreenCanvas(56, 28); // white: drawn half as high, between black bands
        const brush = wide.getContext('2d')!;
        brush.fillStyle = 'white';
        brush.fillRect(0, 0, 56, 28);
        const banded = await gan.readImages([wide], { shape });
        const colour = await gan.readImages([image], { shape: [14, 14, 3] });
        const bytes = ({ pixels }: import('./harness.ts').Dataset): number[] => [...pixels.data];
        return {
          shape: [set.count, ...set.shape],
          bits8: set.bits8,
          bytes: bytes(set),
          inverted: bytes(inverted),
          banded: bytes(banded),
          colour: bytes(colour),
        };
      });
      const expected = [...PNG.sync.read(chessboard(28)).data].filter((_, i) => i % 4 === 0);
      expect(read.shape).toEqual([7, 28, 28, 1]);
      expect(read.bits8).toBe(true);
      for (let i = 0; i < 7; i++) expect(read.bytes.slice(784 * i, 784 * (i + 1))).toEqual(expected);
      expect(read.inverted).toEqual(expected.map((value) => 255 - value));
      const rowsOf = (bytes: readonly number[]) =>
        Array.from({ length: 28 }, (_, y) => [...new Set(bytes.slice(28 * y, 28 * (y + 1)))]);
      expect(rowsOf(read.banded)).toEqual(Array.from({ length: 28 }, (_, y) => [y < 7 || y >= 21 ? 0 : 255]));
      expect(read.colour.length).toBe(14 * 14 * 3);
      expect(read.colour.slice(0, 3)).toEqual([255, 255, 255]);
      expect(read.colour.at(-1)).toBe(50); // the mean of 0, 100, 100 and 0
    });

    it('loads data sets from addresses and from files', async () => {
      const header = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]);
      const labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 1];
      const sets = await page.evaluate(
        async ([images, labels]) => {
          const zipped = await new Response(
            new Blob([Uint8Array.from(images)]).stream().pipeThrough(new CompressionStream('gzip')),
          ).blob();
          const main = new File([zipped], 'mine?-images-idx3-ubyte.gz');
          const beside = new File([Uint8Array.from(labels)], 'mine?-labels-idx1-ubyte');
          const both = await gan.loadDataset([beside, main], { labels: [1] });
          const built = await gan.loadDataset('glyphs?labels=1&limit=2');
          return [both, built].map(({ count, shape, labels, pixels }) => ({
            count,
            shape,
            labels: [...(labels ?? [])],
            size: pixels.data.length,
          }));
        },
        [[...header, 1, 2, 3, 4, 5, 6, 7, 8], labels] as const,
      );
      expect(sets).toEqual([
        { count: 1, shape: [2, 2, 1], labels: [1], size: 4 },
        { count: 2, shape: [28, 28, 1], labels: [1, 1], size: 2 * 784 },
      ]);
    });

    it.each([
      [
        'a model that is cut short',
        `await gan.loadModel('cut.safetensors')`,
        /^.*cut\.safetensors: cut short/,
      ],
      [
        'a model that is not there',
        `await gan.loadModel('none.safetensors')`,
        /the server answers 404.*check/,
      ],
      ['a file that is no model', `await gan.loadModel(new File(['text'], 'a.txt'))`, /^a\.txt: /],
      [
        'a picture that is too large',
        `await gan.readImages([await (await fetch('large.png')).blob()], { shape: [28, 28, 1] })`,
        /picture 0: is 5000 × 5000 pixels; at most 4096/,
      ],
      [
        'a text file for a picture',
        `await gan.readImages([new File(['text'], 'a.txt', { type: 'text/plain' })], { shape: [28, 28, 1] })`,
        /^a\.txt: is no picture .*\(4 bytes, text\/plain\)/,
      ],
      [
        'a picture that does not load',
        `const image = new Image(); image.src = 'text.png'; await gan.readImages([image], { shape: [28, 28, 1] })`,
        /text\.png cannot be decoded/,
      ],
      [
        'pictures for a model of vectors',
        `await gan.readImages([new OffscreenCanvas(2, 2)], { shape: [64] })`,
        /the model takes \[64\]/,
      ],
      ['no picture', `await gan.readImages([], { shape: [28, 28, 1] })`, /no picture was given/],
      [
        'a background that is no byte',
        `await gan.readImages([new OffscreenCanvas(2, 2)], { shape: [28, 28, 1], background: 300 })`,
        /background is 300/,
      ],
      [
        'a data set of an unknown kind',
        `await gan.loadDataset(new File(['text'], 'a.txt'))`,
        /unknown format/,
      ],
      ['a data set that is not there', `await gan.loadDataset('none.gz')`, /none\.gz: cannot be read .*404/],
      [
        'K beyond limits',
        `const device = await gan.openDevice();
       try { await gan.Scorer.create(device, await gan.loadModel('mlp.safetensors'), { latents: 1e9 }) }
       finally { device.dispose() }`,
        /latents is 1000000000; must be/,
      ],
    ])('refuses %s', async (_, attempt, message) => {
      expect(await refusal(attempt)).toMatch(message);
    });

    it('refuses a picture of another site that does not allow it', async () => {
      expect(
        await refusal(
          `const image = new Image();
         image.src = '${elsewhere.address}picture.png';
         await gan.readImages([image], { shape: [28, 28, 1] })`,
        ),
      ).toMatch(/comes from another site/);
    });

    it('tells of a lost device, in what waits and to what watches', async () => {
      const [score, watch, later] = await page.evaluate(async () => {
        const device = await gan.openDevice();
        const scorer = await gan.Scorer.create(device, await gan.loadModel('mlp.safetensors'));
        const scoring = scorer.score({ data: new Float32Array(784), shape: [1, 784] });
        const failed = scoring.then(
          () => 'scored',
          (error: Error) => error.message,
        );
        device.gpu.destroy();
        const watched = await device.lost;
        const afterwards = await scorer
          .score({ data: new Float32Array(784), shape: [1, 784] })
          .catch((error: Error) => error.message);
        scorer.dispose();
        device.dispose();
        return [await failed, watched.message, afterwards];
      });
      expect(watch).toMatch(/^device lost \(destroyed\): .*; reload the page to open a new one$/);
      expect([score, later]).toEqual([watch, watch]);
    });

    it('says what to do where there is no WebGPU, no adapter, or no secure page', async () => {
      const said = async (init: string, address = site.address): Promise<string> => {
        const context = await browser().newContext();
        const other = await context.newPage();
        await other.addInitScript(init);
        await other.goto(address);
        const message = await other.evaluate(() => gan.openDevice().catch((error: Error) => error.message));
        await context.close();
        return message as string;
      };
      expect(await said(`Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })`)).toMatch(
        /^this browser has no WebGPU; use a current Chrome/,
      );
      expect(await said(`GPU.prototype.requestAdapter = async () => null`)).toMatch(
        /no graphics adapter.*hardware acceleration/,
      );
      expect(await said('', site.address.replace('localhost', 'insecure.test'))).toMatch(/over https/);
    });

    it('keeps the main thread free while scoring', async () => {
      const { longest, scored } = await page.evaluate(
        async (images) => {
          const device = await gan.openDevice();
          const scorer = await gan.Scorer.create(device, await gan.loadModel('mlp.safetensors'), {
            latents: 1024,
          });
          const data = Float32Array.from({ length: 500 * 784 }, (_, i) => images[i % images.length]!);
          const tasks: number[] = [];
          const observer = new PerformanceObserver((list) =>
            tasks.push(...list.getEntries().map(({ duration }) => duration)),
          );
          observer.observe({ type: 'longtask' });
          const scores = await scorer.score({ data, shape: [500, 28, 28, 1] });
          await new Promise((resolve) => setTimeout(resolve, 100)); // entries arrive a little later
          observer.disconnect();
          scorer.dispose();
          device.dispose();
          return { longest: Math.max(0, ...tasks), scored: scores.importance.length };
        },
        [...IMAGES],
      );
      expect(scored).toBe(500);
      expect(longest).toBeLessThanOrEqual(50);
    });

    it('writes nothing to the console', () => {
      const unexpected = messages.filter(
        (message) => !/404|CORS|Failed to load resource/.test(message), // the browser's own, of files that are missing
      );
      expect(unexpected).toEqual([]);
    });
  },
  ['--host-resolver-rules=MAP insecure.test 127.0.0.1'],
);
