/** Makes the built command line executable, which the compiler does not: links to it outlive a build. */
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
