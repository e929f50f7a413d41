/** Writes dist/browser.bundle.js: the browser entry and all that it imports in one file, for import maps and plain script tags. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

await build({
  entryPoints: [fileURLToPath(new URL('../dist/browser.js', import.meta.url))],
  outfile: fileURLToPath(new URL('../dist/browser.bundle.js', import.meta.url)),
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  logLevel: 'warning',
});
