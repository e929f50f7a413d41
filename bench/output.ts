/** Tables for people and JSON for the record. */
import { type StdioOptions, execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import type { AdapterDescription } from '../src/gpu/device.ts';
import { adapterName } from './adapter.ts';

/** A text table: columns of numbers to the right, others to the left. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const isText = head.map((_, column) => rows.some((row) => !/^-?\d/.test(row[column] ?? '')));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        isText[column] ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** What a result was taken on, and with which versions. */
export interface Provenance {
  readonly adapter: string;
  readonly date: string;
  readonly version: string;
  /** Of the sources, as git describes it; `unknown` where there is no repository. */
  readonly commit: string;
  readonly webgpu: string;
  readonly node: string;
  readonly platform: string;
  /** Counts where the adapter is software. */
  readonly cpu: string;
}

export function provenance(adapter: AdapterDescription): Provenance {
  return {
    adapter: adapterName(adapter),
    date: new Date().toISOString(),
    version: manifest.version,
    commit: describeCommit(),
    webgpu: manifest.dependencies.webgpu,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  };
}

function describeCommit(): string {
  try {
    const options = { encoding: 'utf8' as const, stdio: ['ignore', 'pipe', 'ignore'] satisfies StdioOptions };
    return execFileSync('git', ['describe', '--always', '--dirty'], options).trim();
  } catch {
    return 'unknown';
  }
}

export function printProvenance(of: Provenance): string {
  const { adapter, date, version, commit, webgpu, node, platform, cpu } = of;
  return `${adapter}; ${cpu}; ${platform}; ${date.slice(0, 10)}\nentropic-gan ${version} (${commit}), webgpu ${webgpu}, node ${node}`;
}

/** Writes one JSON object to a file, making its folder. */
export async function writeResult(path: string, result: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
}
