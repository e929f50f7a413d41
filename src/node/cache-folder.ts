/** Where what can be made again is kept between runs. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The user's cache folder: `$XDG_CACHE_HOME`, else `~/.cache`. */
export function userCache(): string {
  return process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
}

/** The library's folder in one: the user's unless another is given. */
export function cacheFolder(root = userCache()): string {
  return join(root, 'entropic-gan');
}
