/**
 * The scoring page in a real Chromium: what a visitor draws, drops and trains, what goes wrong, and what it leaves behind. With
 * ENTROPIC_GAN_SCREENSHOTS=folder it also writes pictures of the page there.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Model } from '../../src/browser.ts';
import { glyphs } from '../../src/data/glyphs.ts';
import { isBorderLighter } from '../../web/src/ink-polarity.ts';
import { createLane } from '../../web/src/lane.ts';
import { modelDigits } from '../../web/src/model-digits.ts';
import { nearestRows } from '../../web/src/nearest-samples.ts';
import { type Ink, normaliseDigit } from '../../web/src/normalise-digit.ts';
import { type Site, describeChromium, openPage, serve } from '../support/chromium.ts';

const web = join(import.meta.dirname, '..', '..', 'web');
const SCREENSHOTS = process.env['ENTROPIC_GAN_SCREENSHOTS'];

describe('a drawing', () => {
  const drawing = (left: number, top: number, width: number, height: number): Ink => {
    const data = new Uint8Array(200 * 100);
    for (let y = top; y < top + height; y++) data.fill(255, y * 200 + left, y * 200 + left + width);
    return { width: 200, height: 100, data };
  };
  const moments = (digit: Uint8Array) => {
    let [mass, x, y] = [0, 0, 0];
    digit.forEach((value, i) => {
      mass += value;
      x += value * ((i % 28) + 0.5);
      y += value * (Math.floor(i / 28) + 0.5);
    });
    return { mass: mass / 255, x: x / mass, y: y / mass };
  };

  it('is scaled to 20 pixels, its form kept, and centred, wherever and however large it is', () => {
    for (const ink of [drawing(10, 5, 20, 80), drawing(170, 55, 10, 40)]) {
      const { mass, x, y } = moments(normaliseDigit(ink)!);
      expect(Math.abs(mass - 20 * 5)).toBeLessThan((40 * 0.5 + 1e-6) / 255); // rounded along two edges of 20
      expect([x, y]).toEqual([expect.closeTo(14, 5), expect.closeTo(14, 5)]);
    }
  });

  it('is moved back where centring its mass would cut ink away', () => {
    const ink = drawing(10, 0, 60, 8); // a heavy bar, and a thin stroke below it
    for (let y = 8; y < 88; y++) ink.data[y * 200 + 10] = 255;
    const digit = normaliseDigit(ink)!;
    const scale = 88 / 20;
    expect(Math.abs(moments(digit).mass - (60 * 8 + 80) / scale ** 2)).toBeLessThan((100 * 0.5) / 255);
    expect(Math.max(...digit.subarray(27 * 28))).toBe(Math.round(255 / scale)); // the stroke's end
  });

  it('is nothing where there is no ink', () => {
    expect(normaliseDigit(drawing(0, 0, 0, 0))).toBeUndefined();
  });
});

describe('the ground of a picture', () => {
  it('is light where its border is lighter than its middle', () => {
    const picture = (border: number, middle: number) => {
      const data = new Uint8ClampedArray(4 * 32 * 32).fill(border);
      for (let y = 10; y < 22; y++) data.fill(middle, 4 * (y * 32 + 10), 4 * (y * 32 + 22));
      return { data, width: 32, height: 32 };
    };
    expect(isBorderLighter(picture(250, 20))).toBe(true);
    expect(isBorderLighter(picture(0, 200))).toBe(false);
    expect(isBorderLighter(picture(90, 90))).toBe(false);
  });
});

describe('the digits of a model', () => {
  const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  it.each([
    ['glyphs?labels=2,3', [2, 3], [0, 1, 4, 5, 6, 7, 8, 9]],
    ['glyphs?labels=10', [], all],
    ['glyphs', all, []],
    ['mnist?limit=500', all, []],
    ['gaussian:8', [], all],
    ['words of no meaning?', [], all],
  ])('are read from the name of its data: %s', (data, own, others) => {
    expect(modelDigits({ configuration: { data } } as Model)).toMatchObject({ own, others });
  });
});

describe('the nearest samples', () => {
  it('come in the order of their distance', () => {
    const samples = Float32Array.of(0, 0, 3, 4, 1, 0, 0, 2);
    expect(nearestRows(samples, new Float32Array(2), 3)).toEqual([
      { row: 0, distance: 0 },
      { row: 2, distance: 1 },
      { row: 3, distance: 2 },
    ]);
  });
});

describe('the lane of GPU work', () => {
  const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

  it('does one thing at a time, the newest of its kind, and again what more urgent work stopped', async () => {
    const log: string[] = [];
    const errors: unknown[] = [];
    const lane = createLane((error) => errors.push(error));
    const work = (name: string) => async (signal: AbortSignal) => {
      log.push(`${name} begins`);
      await turns();
      signal.throwIfAborted();
      log.push(`${name} ends`);
    };
    lane.put('reference', work('reference'));
    lane.put('score', work('first'));
    lane.put('score', work('second'));
    for (let i = 0; i < 5; i++) await turns();
    expect(log).toEqual([
      'reference begins',
      'second begins',
      'second ends',
      'reference begins',
      'reference ends',
    ]);
    expect(errors).toEqual([]);
  });

  it('reports what fails, drops what is no longer wanted, and goes on', async () => {
    const errors: unknown[] = [];
    let done = 0;
    const lane = createLane((error) => errors.push(error));
    const failure = new Error('no');
    lane.put('samples', () => Promise.reject(failure));
    lane.put('score', async () => void done++);
    lane.drop('score');
    lane.put('generate', async () => void done++);
    await turns();
    expect([errors, done]).toEqual([[failure], 1]);
    lane.stop();
    lane.put('generate', async () => void done++);
    await turns();
    expect(done).toBe(1);
  });
});

describeChromium('the page', (browser: () => Browser) => {
  let folder: string;
  let site: Site;
  let opened: { page: Page; messages: string[] };
  let requests: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entropic-gan-page-'));
    await build({
      root: web,
      configFile: join(web, 'vite.config.ts'),
      logLevel: 'error',
      build: { outDir: folder },
    });
    site = await serve(folder);
  });
  afterAll(async () => {
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    opened = await openPage(browser(), 'about:blank', { viewport: { width: 1200, height: 900 } });
    opened.page.setDefaultTimeout(100_000);
    requests = [];
    opened.page.on('request', (request) => requests.push(request.url()));
  });
  afterEach(async () => {
    expect(opened.messages).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(site.address) && !/^(data|blob):/.test(url))).toEqual([]);
    await opened.page.context().close();
  });

  const text = (page: Page, selector: string) => page.locator(selector).innerText();
  const focused = (page: Page) => page.evaluate(() => document.activeElement?.id);
  /** The page once it has scored the image that it opens with. `prepare` runs in it before anything of its own. */
  const visit = async (prepare?: () => void): Promise<Page> => {
    const { page } = opened;
    if (prepare) await page.addInitScript(prepare);
    await page.goto(site.address);
    return page;
  };
  const scored = (page: Page, name: string | RegExp) =>
    page.waitForFunction(
      ({ source, flags }) =>
        new RegExp(source, flags).test(document.querySelector('#announcement')?.textContent ?? ''),
      typeof name === 'string'
        ? { source: `^${name}:`, flags: '' }
        : { source: name.source, flags: name.flags },
    );
  const compared = (page: Page) =>
    page.waitForFunction(
      () =>
        document.querySelector<HTMLElement>('#reference-progress')?.hidden &&
        document.querySelectorAll('#nearest li').length === 6,
    );
  const importance = async (page: Page): Promise<number> =>
    Number((await text(page, '#importance')).replace('−', '-'));
  const draw = async (page: Page, points: readonly (readonly [number, number])[]): Promise<void> => {
    const box = (await page.locator('#pad').boundingBox())!;
    const [first, ...others] = points.map(
      ([x, y]) => [box.x + x * box.width, box.y + y * box.height] as const,
    );
    await page.mouse.move(...first!);
    await page.mouse.down();
    for (const point of others) await page.mouse.move(...point, { steps: 6 });
    await page.mouse.up();
  };
  const setLatents = async (page: Page, latents: number): Promise<void> => {
    await page.fill('#latents', String(latents));
    await page.press('#latents', 'Tab');
  };
  const give = (page: Page, files: readonly { name: string; mimeType: string; buffer: Buffer }[]) =>
    page.setInputFiles('#files', [...files]);
  const pngOf = (pixels: Uint8Array, width: number, height = width): Buffer =>
    PNG.sync.write(Object.assign(new PNG({ width, height }), { data: Buffer.from(pixels) }), {
      colorType: 0,
      inputColorType: 0,
      inputHasAlpha: false,
    });

  it('scores a drawn 1 above a drawn 7 under a model of 1s', async () => {
    const page = await visit();
    await scored(page, /^Test image of digit 1:/);
    await page.click('#clear');
    expect(await text(page, '#importance')).toBe('—');
    const scores: number[] = [];
    for (const [name, points] of [
      [
        'one',
        [
          [0.58, 0.18],
          [0.51, 0.5],
          [0.44, 0.84],
        ],
      ],
      [
        'seven',
        [
          [0.25, 0.22],
          [0.75, 0.2],
          [0.6, 0.5],
          [0.45, 0.84],
        ],
      ],
    ] as const) {
      await page.evaluate(() => document.querySelector('#announcement')?.replaceChildren());
      await page.click('#clear');
      await draw(page, points);
      await scored(page, 'Your drawing');
      scores.push(await importance(page));
      expect(await text(page, '#interval')).toMatch(/± \d+\.\d\d .*95 %.*latents/);
      if (SCREENSHOTS) {
        await compared(page);
        await page.mouse.move(0, 0);
        await page.screenshot({ path: join(SCREENSHOTS, `web-${name}.png`), fullPage: true });
      }
    }
    expect(scores[0]! - scores[1]!).toBeGreaterThan(3);
    await compared(page);
    expect(await text(page, '#histogram-caption')).toMatch(
      /above \d+ % of 200 test images of 1 and \d+ % of 200 other digits/,
    );
    const parts = (await page.locator('#components svg').getAttribute('aria-label'))!
      .replaceAll('−', '-')
      .match(/-?\d+\.\d\d/g)!
      .map(Number);
    expect(parts).toHaveLength(5);
    expect(parts.slice(0, 4).reduce((sum, part) => sum + part, 0)).toBeCloseTo(parts[4]!, 1);
    expect(await text(page, '#throughput')).toMatch(/[\d.]+ [kMG] images × latents per second/);
    expect(await text(page, '#adapter')).toMatch(/swiftshader/i);
  });

  it('uses the K that stands in the field when the model comes, and draws on a tab that was hidden', async () => {
    const page = await visit(() =>
      addEventListener('DOMContentLoaded', () => {
        document.querySelector<HTMLInputElement>('#latents')!.value = '64'; // as browsers restore it
      }),
    );
    await page.click('#tab-train');
    await scored(page, /^Test image of digit 1:/);
    await page.click('#tab-score');
    expect(await text(page, '#ess')).toMatch(/ of 64$/);
    await page.waitForSelector('#components svg');
    await page.waitForSelector('#histogram svg');
  });

  it('keeps a model that was given while an earlier one was still loading', async () => {
    const { page } = opened;
    const model = await readFile(join(web, 'public', 'ones.safetensors'));
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/ones.safetensors', async (route) => {
      await held;
      await route.continue();
    });
    await visit();
    await give(page, [{ name: 'given.safetensors', mimeType: 'application/octet-stream', buffer: model }]);
    await scored(page, /^Test image of digit 1:/);
    const response = page.waitForResponse('**/ones.safetensors');
    release();
    await (await response).finished();
    await page.waitForTimeout(300);
    expect(await text(page, '#model-line')).toMatch(/^Model: given\.safetensors/);
  });

  it('takes another K while samples of the last one are still waited for', async () => {
    const page = await visit();
    await page.waitForFunction(() => {
      if (!document.querySelector('#announcement')?.textContent) return false;
      const field = document.querySelector<HTMLInputElement>('#latents')!;
      field.value = '64';
      return field.dispatchEvent(new Event('change'));
    });
    await page.waitForFunction(() => document.querySelector('#ess')?.textContent?.endsWith(' of 64'));
    await compared(page);
    expect(await page.isVisible('#alert')).toBe(false);
  });

  it('puts no picture over a drawing that is under way', async () => {
    const page = await visit();
    await scored(page, /^Test image of digit 1:/);
    await page.evaluate(() => document.querySelector('#announcement')?.replaceChildren());
    await page.click('#clear');
    const box = (await page.locator('#pad').boundingBox())!;
    const middle = box.x + box.width / 2;
    await page.mouse.move(middle, box.y + 0.2 * box.height);
    await page.mouse.down();
    await page.evaluate(() => document.querySelector<HTMLElement>('#random-own')?.click());
    await scored(page, /^Test image of digit 1:/);
    await page.mouse.move(middle, box.y + 0.8 * box.height, { steps: 6 });
    await page.mouse.up();
    await scored(page, 'Your drawing');
    const ground = await page
      .locator('#pad')
      .evaluate((pad: HTMLCanvasElement) => pad.getContext('2d')!.getImageData(0, 0, 1, 1).data[3]);
    expect(ground).toBe(0);
  });

  it('says in one line what is wrong with a file or a number, and goes on', async () => {
    const page = await visit();
    await scored(page, /^Test image of digit 1:/);
    await setLatents(page, 64);
    await scored(page, /^Test image of digit 1:/);
    const model = await readFile(join(web, 'public', 'ones.safetensors'));
    const octets = 'application/octet-stream';
    const alerts = async (message: RegExp): Promise<void> => {
      await page.waitForFunction(
        ({ source }) => new RegExp(source).test(document.querySelector('#alert-text')?.textContent ?? ''),
        { source: message.source },
      );
      await page.click('#alert-dismiss');
      expect(await page.isVisible('#alert')).toBe(false);
      expect(await focused(page)).toBe('panel-score');
    };
    await give(page, [
      { name: 'cut.safetensors', mimeType: octets, buffer: model.subarray(0, model.length / 2) },
    ]);
    await alerts(/^cut\.safetensors: /);
    await give(page, [
      { name: 'large.png', mimeType: 'image/png', buffer: pngOf(new Uint8Array(25_000_000), 5000) },
    ]);
    await alerts(/^large\.png: is 5000 × 5000 pixels; at most 4096/);
    await give(page, [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello there') }]);
    await alerts(/^notes\.txt: unknown format: 11 bytes.*or give pictures/);
    await setLatents(page, 99_999_999);
    await alerts(/latents is 99999999; must be a whole number from 1 to 16777216/);
    expect(await page.getAttribute('#latents', 'aria-invalid')).toBe('true');
    expect(await page.getAttribute('#latents', 'aria-describedby')).toBe('alert-text');
    await setLatents(page, 128);
    await page.click('#random-other');
    await scored(page, /^Test image of digit [^1]:/);
    expect(await text(page, '#ess')).toMatch(/ of 128$/);
  });

  it('scores several pictures at once, and inverts dark ink on a light ground', async () => {
    const page = await visit();
    await setLatents(page, 64);
    const drawn = glyphs({ labels: [1, 4], split: 'test', limit: 4 }).pixels.data as Uint8Array;
    const size = 28 * 28;
    const files = Array.from({ length: 4 }, (_, i) => {
      const digit = drawn.slice(i * size, (i + 1) * size);
      const bytes = i === 3 ? digit.map((value) => 255 - value) : digit;
      return { name: `digit-${i}.png`, mimeType: 'image/png', buffer: pngOf(bytes, 28) };
    });
    await give(page, files);
    await scored(page, 'digit-0.png');
    expect(await text(page, '#source-note')).toMatch(/1 of 4: Inverted/);
    const values = (await page.locator('#strip button').allInnerTexts()).map((value) =>
      Number(value.trim().replace('−', '-')),
    );
    expect(values).toHaveLength(4);
    await page.click('#strip button >> nth=3');
    expect(await importance(page)).toBe(values[3]);
    expect(await page.getAttribute('#strip button >> nth=3', 'aria-pressed')).toBe('true');
    // The same images as an IDX file: what was inverted was brought back to the same bytes.
    const header = Buffer.from([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 28, 0, 0, 0, 28]);
    await give(page, [
      {
        name: 't10k-images-idx3-ubyte',
        mimeType: 'application/octet-stream',
        buffer: Buffer.concat([header, drawn]),
      },
    ]);
    await scored(page, /^t10k-images-idx3-ubyte, image 0:/);
    expect(
      (await page.locator('#strip button').allInnerTexts()).map((value) =>
        Number(value.trim().replace('−', '-')),
      ),
    ).toEqual(values);
  });

  it('holds no more memory after 50 scorings', async () => {
    const page = await visit(() => {
      const counts = Object.assign(window, { liveBuffers: 0 });
      const { createBuffer } = GPUDevice.prototype;
      const { destroy } = GPUBuffer.prototype;
      GPUDevice.prototype.createBuffer = function (descriptor) {
        counts.liveBuffers++;
        return createBuffer.call(this, descriptor);
      };
      GPUBuffer.prototype.destroy = function () {
        counts.liveBuffers--;
        return destroy.call(this);
      };
    });
    await scored(page, /^Test image of digit 1:/);
    await setLatents(page, 64);
    await page.waitForFunction(() => document.querySelector('#ess')?.textContent?.endsWith(' of 64'));
    await compared(page);
    const live = () => page.evaluate(() => (window as unknown as { liveBuffers: number }).liveBuffers);
    const before = await live();
    expect(before).toBeGreaterThan(0);
    const done = await page.evaluate(async () => {
      const button = document.querySelector<HTMLElement>('#random-own');
      const progress = document.querySelector<HTMLElement>('#scoring-progress');
      let scorings = 0;
      for (let i = 0; i < 50; i++) {
        button?.click();
        if (!progress?.hidden) scorings++;
        while (!progress?.hidden) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return scorings;
    });
    expect(done).toBe(50);
    expect(await live()).toBe(before);
  });

  it('says that the device was lost, and works again once reloaded', async () => {
    const page = await visit(() => {
      const { requestDevice } = GPUAdapter.prototype;
      GPUAdapter.prototype.requestDevice = async function (descriptor) {
        const device = await requestDevice.call(this, descriptor);
        Object.assign(window, { openedDevice: device });
        return device;
      };
    });
    await scored(page, /^Test image of digit 1:/);
    await page.evaluate(() => (window as unknown as { openedDevice: GPUDevice }).openedDevice.destroy());
    await page.waitForSelector('#stopped:not([hidden])');
    expect(await text(page, '#stopped-text')).toMatch(/^device lost .*reload the page/);
    expect(await page.isVisible('#app')).toBe(false);
    await page.click('#reload');
    await scored(page, /^Test image of digit 1:/);
  });

  it('says plainly that there is no WebGPU', async () => {
    const page = await visit(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
    await page.waitForSelector('#stopped:not([hidden])');
    expect(await text(page, '#stopped-text')).toMatch(/this browser has no WebGPU; use a current Chrome/);
    expect(await page.isVisible('#app')).toBe(false);
    expect(await page.isVisible('#reload')).toBe(false);
  });

  it('trains a model, draws its curves, and scores with it', async () => {
    const page = await visit();
    await page.click('#tab-train');
    await page.fill('#steps', '30');
    await page.fill('#batch', '32');
    await page.click('#start');
    expect(await page.isDisabled('#start')).toBe(true);
    expect(await focused(page)).toBe('stop');
    await page.waitForSelector('#use-model:not([disabled])');
    expect(await text(page, '#training-status')).toMatch(/^Done after 30 steps, [\d.]+ steps per second/);
    await page.waitForFunction(() =>
      /step 30:/.test(document.querySelector('#curves section:last-child svg')?.ariaLabel ?? ''),
    );
    const curves = await page.locator('#curves svg').evaluateAll((all) =>
      all.map((svg) => ({
        label: svg.getAttribute('aria-label'),
        points: [...svg.querySelectorAll('[aria-label="line"] path')].map(
          (path) => path.getAttribute('d')?.split('L').length,
        ),
      })),
    );
    expect(curves.map(({ points }) => points)).toEqual([[6], [6], [6], [6, 6]]);
    expect(curves[0]?.label).toMatch(/Objective J by step 30: J −?\d+\.\d\d/);
    expect(await text(page, '#training-samples-caption')).toMatch(/After 30 steps/);
    await page.fill('#steps', '100000');
    await page.click('#start');
    expect(await page.isVisible('#training-results')).toBe(false);
    await page.click('#stop');
    await page.waitForSelector('#start:not([disabled])');
    expect(await text(page, '#training-status')).toBe('Stopped before the first step');
    expect(await focused(page)).toBe('start');
    await page.click('#start');
    await page.waitForFunction(() =>
      document.querySelector('#training-status')?.textContent?.startsWith('Step '),
    );
    await page.click('#stop');
    await page.waitForFunction(() =>
      document.querySelector('#training-status')?.textContent?.startsWith('Stopped after '),
    );
    const download = page.waitForEvent('download');
    await page.click('#download-model');
    expect((await download).suggestedFilename()).toBe('digit-7.safetensors');
    await page.click('#use-model');
    expect(await page.isVisible('#panel-score')).toBe(true);
    await page.waitForFunction(() =>
      /trained for \d+ steps on glyphs\?labels=7/.test(
        document.querySelector('#model-line')?.textContent ?? '',
      ),
    );
    expect(await text(page, '#random-own')).toBe('Random test 7');
    await page.click('#random-own');
    await scored(page, /^Test image of digit 7:/);
  });

  it('is used with the keyboard, and has no fault that axe finds, light or dark', async () => {
    const page = await visit();
    await scored(page, /^Test image of digit 1:/);
    await compared(page);
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await page.evaluate(axe);
    const faults = () =>
      page.evaluate(async () => {
        const { axe: checker } = window as unknown as {
          axe: {
            run: () => Promise<{
              violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
            }>;
          };
        };
        const { violations } = await checker.run();
        return violations.map(
          ({ id, nodes }) =>
            `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
        );
      });
    expect(await faults()).toEqual([]);
    await page.focus('#tab-score');
    const state = () =>
      page.evaluate(() => ({
        focus: document.activeElement?.id,
        selected: document.querySelector('[aria-selected="true"]')?.id,
        panels: [...document.querySelectorAll<HTMLElement>('[role="tabpanel"]:not([hidden])')].map(
          ({ id }) => id,
        ),
      }));
    const train = { focus: 'tab-train', selected: 'tab-train', panels: ['panel-train'] };
    const score = { focus: 'tab-score', selected: 'tab-score', panels: ['panel-score'] };
    for (const [key, expected] of [
      ['ArrowRight', train],
      ['ArrowRight', score],
      ['ArrowLeft', train],
      ['Home', score],
      ['End', train],
    ] as const) {
      await page.keyboard.press(key);
      expect(await state()).toEqual(expected);
    }
    expect(await faults()).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await faults()).toEqual([]);
    await page.keyboard.press('Home');
    expect(await faults()).toEqual([]);
    await page.keyboard.press('Tab');
    expect((await state()).focus).toBe('clear'); // the tab panel's first control: only one tab is in the order
  });

  it('fits a phone', async () => {
    const { page } = opened;
    await page.setViewportSize({ width: 360, height: 740 });
    await visit();
    await scored(page, /^Test image of digit 1:/);
    await compared(page);
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBe(360);
    await page.click('#tab-train');
    expect(await width()).toBe(360);
    await page.click('#tab-score');
    await page.setViewportSize({ width: 600, height: 740 });
    await page.waitForFunction(() => (document.querySelector('#histogram svg')?.clientWidth ?? 0) > 360);
  });
});
