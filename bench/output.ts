/** Tables for people and JSON for the record. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import type { AdapterDescription } from '../src/gpu/device.ts';
import { adapterName } from './adapter.ts';

/** A text table: the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** What a result was taken on, and with which versions. */
export interface Provenance {
  readonly adapter: string;
  readonly date: string;
  readonly version: string;
  readonly webgpu: string;
  readonly node: string;
  readonly platform: string;
}

export function provenance(adapter: AdapterDescription): Provenance {
  return {
    adapter: adapterName(adapter),
    date: new Date().toISOString(),
    version: manifest.version,
    webgpu: manifest.dependencies.webgpu,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** Writes one JSON object to a file, making its folder. */
export async function writeResult(path: string, result: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
}
