/**
 * A headless Chromium whose WebGPU runs on SwiftShader, and a server for its pages: for tests and benchmarks of the browser entry.
 * The system's Chromium where ENTROPIC_GAN_CHROMIUM names one, else the one in the npm package @sparticuz/chromium, unpacked once
 * into the cache folder.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { extract } from 'tar';
import { afterAll, describe, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const PACKAGE = join(root, 'node_modules', '@sparticuz', 'chromium');
const ARGUMENTS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Starts the browser. Throws where there is none. */
export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const system = process.env['ENTROPIC_GAN_CHROMIUM'];
  const folder = system ? undefined : await unpacked();
  return chromium.launch({
    executablePath: system ?? join(folder as string, 'chromium'),
    args: [...ARGUMENTS, ...args],
    // Fonts of the package, for machines that have none.
    ...(folder && !(await exists('/etc/fonts'))
      ? { env: { ...process.env, FONTCONFIG_PATH: join(folder, 'fonts') } as Record<string, string> }
      : {}),
  });
}

/** The folder of the browser, made under a temporary name so that it is whole where it exists. */
async function unpacked(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')) as {
    version: string;
  };
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'entropic-gan', `chromium-${version}`);
  if (await exists(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(`${folder}.`);
  try {
    const from = (name: string) =>
      [createReadStream(join(PACKAGE, 'bin', name)), createBrotliDecompress()] as const;
    await pipeline(...from('chromium.br'), createWriteStream(join(temporary, 'chromium')));
    await chmod(join(temporary, 'chromium'), 0o755);
    for (const name of ['swiftshader.tar.br', 'fonts.tar.br'])
      await pipeline(...from(name), extract({ cwd: temporary }));
    await rename(temporary, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error; // another process was first
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

export interface Site {
  readonly address: string;
  close(): Promise<void>;
}

/** Serves the files of a folder, and the given texts and bytes under their names, on a port of this machine. */
export async function serve(
  folder: string | undefined,
  given: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Site> {
  const server = createServer((request, response) => {
    void (async () => {
      try {
        const { pathname } = new URL(request.url ?? '/', 'http://localhost');
        const name = normalize(decodeURIComponent(pathname)).replace(/\/$/, '/index.html').slice(1);
        const content =
          given[name] ?? (folder === undefined ? undefined : await readFile(join(folder, name)));
        if (content === undefined) throw new Error('not given');
        response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' });
        response.end(content);
      } catch {
        response.writeHead(404).end();
      }
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://localhost:${port}/`,
    close: () =>
      new Promise((resolve, reject) => {
        server.closeAllConnections();
        server.close((error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** A page, and everything that it wrote to its console or threw: its errors are the test's business. */
export async function openPage(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; messages: string[] }> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const messages: string[] = [];
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(`thrown: ${error.message}`));
  await page.goto(address);
  return { page, messages };
}

/** A group of tests in a browser of their own; skipped with the reason where none starts, unless an adapter is required. */
export function describeChromium(
  name: string,
  body: (browser: () => Browser) => void,
  args: readonly string[] = [],
): void {
  describe(name, async () => {
    let browser: Browser;
    try {
      browser = await launchChromium(args);
    } catch (error) {
      const reason = (error as Error).message.split('\n')[0] as string;
      if (process.env['ENTROPIC_GAN_REQUIRE_GPU'] === '1')
        it('starts a browser, as ENTROPIC_GAN_REQUIRE_GPU=1 asks', () => {
          throw error;
        });
      else {
        console.warn(`skipped: ${name}: ${reason}`);
        it.skip(reason);
      }
      return;
    }
    afterAll(() => browser.close());
    body(() => browser);
  });
}
