/**
 * The embedded software adapter: SwiftShader, a Vulkan driver that runs on the CPU, out of the npm package
 * @sparticuz/chromium. It is unpacked once into a cache folder and named to the Vulkan loader.
 */
import { brotliDecompress } from 'node:zlib';
import { createRequire } from 'node:module';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { UserError } from '../gpu/errors.ts';
import { cacheFolder, userCache } from './cache-folder.ts';
import { makeFolder } from './files.ts';

const PACKAGE = '@sparticuz/chromium';
/** The line that installs it. */
export const INSTALL_LINE = `npm install --save-dev ${PACKAGE}@147.0.0`;

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Where the driver archive lies, or undefined if the package is not installed. */
async function archivePath(): Promise<string | undefined> {
  const require = createRequire(import.meta.url);
  for (const start of require.resolve.paths(PACKAGE) ?? []) {
    const path = join(start, PACKAGE, 'bin', 'swiftshader.tar.br');
    if (await exists(path)) return path;
  }
  return undefined;
}

/** Unpacks the driver beside nothing of the user's: a cache folder, written under a temporary name and then renamed. */
async function unpack(archive: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(archive), '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const roots = [userCache(), tmpdir()];
  let failure: unknown;
  for (const root of roots) {
    const folder = join(cacheFolder(root), `swiftshader-${version}`);
    if (await exists(join(folder, 'vk_swiftshader_icd.json'))) return folder;
    try {
      await makeFolder(dirname(folder));
      const temporary = await mkdtemp(`${folder}.`);
      try {
        const { extract } = await import('tar');
        const bytes = await promisify(brotliDecompress)(await readFile(archive));
        await pipeline(Readable.from([bytes]), extract({ cwd: temporary }));
        await rename(temporary, folder).catch(async (error: unknown) => {
          if (!(await exists(join(folder, 'vk_swiftshader_icd.json')))) throw error; // another process was first
        });
        return folder;
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    } catch (error) {
      failure = error;
    }
  }
  throw new UserError(
    `software adapter: cannot unpack ${archive} into ${roots.join(' or ')}: ${(failure as Error).message}; set XDG_CACHE_HOME to a folder that can be written`,
  );
}

/**
 * Offers SwiftShader to the Vulkan loader of this process beside the drivers that the system has, and loads the loader
 * itself, the system's or, where there is none, the one in the package, so that Dawn finds it by its soname. Must run
 * before the first WebGPU instance is made.
 * @returns whether the package was found.
 */
export async function offerSoftwareAdapter(): Promise<boolean> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  const archive = await archivePath();
  if (!archive) return false;
  const folder = await unpack(archive);
  process.env['VK_ADD_DRIVER_FILES'] = join(folder, 'vk_swiftshader_icd.json');
  // Through require, so that bundlers leave its native addon where it is.
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  try {
    koffi.load('libvulkan.so.1');
  } catch {
    koffi.load(join(folder, 'libvulkan.so.1'));
  }
  return true;
}
