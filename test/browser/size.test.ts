/** What a page loads to score: the browser entry, tree-shaken, minified and compressed as servers do. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { bundle } from '../support/browser-bundle.ts';

const root = join(import.meta.dirname, '..', '..');
const MOST_BYTES = 150_000;

it('is small, and leaves out what scoring does not need', async () => {
  const source = `export { Scorer, loadModel, openDevice, readImages } from './src/browser.ts';`;
  const { text, modules } = await bundle({ source, folder: root }, { minify: true });
  const bytes = gzipSync(text, { level: 9 }).length;
  console.log(
    `scoring path: ${(bytes / 1000).toFixed(1)} kB gzipped, ${(text.length / 1000).toFixed(0)} kB before`,
  );
  expect(bytes).toBeLessThan(MOST_BYTES);
  expect(modules).toContain('src/likelihood/scorer.ts');
  const unneeded = ['src/gan/trainer.ts', 'src/data/glyphs.ts', 'src/data/mat.ts'];
  expect(modules.filter((path) => unneeded.includes(path) || /^src\/(node|cli|report)\b/.test(path))).toEqual(
    [],
  );
});
