/** The examples for pages, as they are, in a real Chromium: by an import map, by a bundler, and in a worker. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scorer } from '../../src/likelihood/scorer.ts';
import { readModel } from '../../src/node/model-files.ts';
import { openDevice } from '../../src/node/open-device.ts';
import { glyphs } from '../../src/data/glyphs.ts';
import { bundle } from '../support/browser-bundle.ts';
import { type Site, describeChromium, openPage, serve } from '../support/chromium.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'examples', 'browser');
const entry = join(root, 'src', 'browser.ts');

describeChromium('the examples for pages', (browser: () => Browser) => {
  let site: Site;
  let expected: string;

  beforeAll(async () => {
    const bundled = await bundle(
      { path: join(folder, 'score.js') },
      { minify: true, alias: { 'entropic-gan/browser': entry } },
    );
    const html = readFileSync(join(folder, 'index.html'), 'utf8');
    site = await serve(root, {
      'dist/browser.bundle.js': (await bundle({ path: entry }, { minify: true })).text, // as the build makes it
      'examples/browser/bundled.html': html
        .replace(/<script type="importmap">[\s\S]*?<\/script>/, '')
        .replace('score.js', 'bundled.js'),
      'examples/browser/bundled.js': bundled.text,
    });
    using device = await openDevice({ adapter: 'software' });
    using scorer = await Scorer.create(
      device,
      await readModel(join(root, 'web', 'public', 'ones.safetensors')),
      {
        latents: 2000,
        seed: 7,
      },
    );
    const { importance } = await scorer.score(glyphs({ labels: [1], split: 'test', offset: 3, limit: 1 }));
    expected = importance[0]!.toFixed(2); // examples/browser/one.png is this image
  });
  afterAll(() => site.close());

  it.each([
    ['an import map', 'index.html'],
    ['a bundler', 'bundled.html'],
    ['a worker', 'worker.html'],
  ])('score an image, by %s', async (_, name) => {
    const { page, messages } = await openPage(browser(), `${site.address}examples/browser/${name}`);
    const output = page.locator('output');
    await expect.poll(() => output.textContent(), { timeout: 60_000 }).toMatch(/^log-likelihood /);
    expect(await output.textContent()).toContain(`log-likelihood ${expected} `);
    expect(
      messages.filter((message) => !message.includes('favicon.ico') && !message.includes('404')),
    ).toEqual([]);
    await page.context().close();
  });
});
