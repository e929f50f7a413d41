/** Choices of kernels on disk: kept apart and merged, and files that are damaged or cannot be written. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { variantStore } from '../src/node/variant-store.ts';

describe('the store on disk', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'variants-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('keeps what is saved, each adapter apart, in a folder that it makes', async () => {
    const at = join(folder, 'new', 'deeper');
    const store = variantStore(at);
    expect(await store.load('a')).toEqual({});
    await store.save('a', { one: 'x' });
    await variantStore(at).save('a', { two: 'y' });
    await store.save('b', { one: 'z' });
    expect(await variantStore(at).load('a')).toEqual({ one: 'x', two: 'y' });
    expect(await store.load('b')).toEqual({ one: 'z' });
    const files = await readdir(at);
    expect(files).toHaveLength(2);
    expect(files.filter((file) => !/^variants-[0-9a-f]{16}\.json$/.test(file))).toEqual([]);
  });

  it.each([
    ['no JSON', '{"adapter": "a", "variants": {"on'],
    ['other JSON', '[1, 2]'],
    ['names that are none', '{"adapter": "a", "variants": {"one": 3}}'],
    ['those of another adapter', '{"adapter": "b", "variants": {"one": "x"}}'],
  ])('takes a file of %s as holding nothing, and writes it anew', async (name, text) => {
    const at = join(folder, name);
    const store = variantStore(at);
    await store.save('a', { one: 'x' });
    const [file] = await readdir(at);
    await writeFile(join(at, file!), text);
    expect(await store.load('a')).toEqual({});
    await store.save('a', { two: 'y' });
    expect(JSON.parse(await readFile(join(at, file!), 'utf8'))).toEqual({
      adapter: 'a',
      variants: { two: 'y' },
    });
  });

  it('says which file cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const store = variantStore(join(folder, 'file', 'below'));
    expect(await store.load('a')).toEqual({});
    await expect(store.save('a', {})).rejects.toThrow(
      /file\/below\/variants-\w+\.json: cannot be written \(part of the path is a file\); choose a folder/,
    );
  });
});
