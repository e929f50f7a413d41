/** Bundles of the library for pages, made by esbuild in memory. */
import { type OutputFile, build } from 'esbuild';

export interface Bundle {
  readonly text: string;
  /** Paths of the modules of which something is in it. */
  readonly modules: readonly string[];
}

/** One script of what `entry` imports. With `globalName` it is a classic script that leaves its exports there. */
export async function bundle(
  entry: { readonly path: string } | { readonly source: string; readonly folder: string },
  options: {
    readonly globalName?: string;
    readonly minify?: boolean;
    /** Other files for what is imported by these names. */
    readonly alias?: Readonly<Record<string, string>>;
  } = {},
): Promise<Bundle> {
  const { globalName, minify = false, alias = {} } = options;
  const { outputFiles, metafile } = await build({
    ...('path' in entry
      ? { entryPoints: [entry.path] }
      : { stdin: { contents: entry.source, resolveDir: entry.folder, loader: 'ts' } }),
    bundle: true,
    write: false,
    metafile: true,
    minify,
    alias: { ...alias },
    platform: 'browser',
    target: 'es2022',
    ...(globalName ? { format: 'iife', globalName } : { format: 'esm' }),
  });
  const [script] = outputFiles as [OutputFile];
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  return { text: script.text, modules };
}
