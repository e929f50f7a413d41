/** Choices of kernels on disk: one JSON file for each adapter and driver in a cache folder. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { VariantStore, Variants } from '../gan/variant-store.ts';
import { cacheFolder } from './cache-folder.ts';
import { writeWhole } from './files.ts';

/** What a file holds. */
const contents = v.object({ adapter: v.string(), variants: v.record(v.string(), v.string()) });

/**
 * A store for `Trainer.create(…, { tune })`. A file that is missing, damaged or of another adapter is as if it held nothing; a file
 * is written whole or not at all, and keeps what other runs have saved meanwhile. `save` rejects with a `UserError` where it
 * cannot write.
 * @param folder default `$XDG_CACHE_HOME/entropic-gan`, or `~/.cache/entropic-gan`; made where it is missing.
 */
export function variantStore(folder = cacheFolder()): VariantStore {
  const pathOf = (adapter: string): string =>
    join(folder, `variants-${createHash('sha256').update(adapter).digest('hex').slice(0, 16)}.json`);
  const load = async (adapter: string): Promise<Variants> => {
    try {
      const found = v.parse(contents, JSON.parse(await readFile(pathOf(adapter), 'utf8')));
      return found.adapter === adapter ? found.variants : {};
    } catch {
      return {}; // it is only a cache: what is not known is timed again
    }
  };
  const save = async (adapter: string, variants: Variants): Promise<void> => {
    const merged = { ...(await load(adapter)), ...variants };
    await writeWhole(pathOf(adapter), `${JSON.stringify({ adapter, variants: merged }, null, 2)}\n`);
  };
  return { load, save };
}
