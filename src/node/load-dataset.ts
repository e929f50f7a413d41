/** Data sets in Node: built in, or read from the file system. */
import type { Dataset } from '../data/dataset.ts';
import { loadDataset as loadThrough } from '../data/load.ts';
import type { Selectors } from '../data/spec.ts';
import { nodeDataFiles } from './files.ts';

/**
 * Loads the data set that a SPEC names, e.g. `glyphs?labels=1`, `mnist?split=test&limit=1000`, `path/to/folder`.
 * @param selectors beside those in the text; the same one in both is an error.
 * @throws UserError for a spec that cannot be read, a file that is missing or damaged, a selection that leaves nothing.
 */
export function loadDataset(spec: string, selectors: Selectors = {}): Promise<Dataset> {
  return loadThrough(spec, selectors, nodeDataFiles);
}
