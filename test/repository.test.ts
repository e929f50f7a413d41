/** The documents hold what they say: links lead somewhere, commands and options exist, every example is run. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  scripts: Record<string, string>;
};
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The anchors of a document's headings, as forges make them. */
function anchors(path: string): string[] {
  return [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- ]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

describe.each(documents)('%s', (path) => {
  const text = read(path);

  it('has links that lead somewhere', () => {
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(
      ([link, file = '', anchor]) => {
        const target = file === '' ? path : join(dirname(path), file);
        if (!existsSync(join(root, target))) return [link];
        return anchor === undefined || anchors(target).includes(anchor) ? [] : [link];
      },
    );
    expect(broken).toEqual([]);
  });

  it('names files that exist', () => {
    const named = [...text.matchAll(/`((?:src|shaders|test|bench|docs|examples)\/[\w/.-]+\.\w+)`/g)].map(
      ([, file = '']) => file,
    );
    // Files that CONTRIBUTING.md tells how to add, and the one that is generated.
    const notYet = /\/(scale|name|shaders\.gen)\.\w+$/;
    expect(named.filter((file) => !existsSync(join(root, file)) && !notYet.test(file))).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script);
    expect(named.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });
});

describe('README.md', () => {
  it('gives commands only options that they have', () => {
    const main = join(root, 'src', 'cli', 'main.ts');
    const help = (command: string): string =>
      execFileSync(process.execPath, ['--import', 'tsx', main, command, '--help'], { encoding: 'utf8' });
    const lines = read('README.md')
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.includes('entropic-gan '));
    const helps = new Map<string, string>();
    const unknown = lines.flatMap((line) =>
      [...line.matchAll(/entropic-gan (doctor|demo|train|score|sample|gaussian)\b([^`|]*)/g)].flatMap(
        ([, command = '', given = '']) => {
          const known = helps.get(command) ?? help(command);
          helps.set(command, known);
          const options = [...given.matchAll(/--[a-z-]+/g)].map(([option]) => option);
          return options.filter((option) => !known.includes(option)).map((option) => `${command} ${option}`);
        },
      ),
    );
    expect([...helps.keys()].sort()).toEqual(['demo', 'doctor', 'gaussian', 'sample', 'score', 'train']);
    expect(unknown).toEqual([]);
  });
});

describe('package.json', () => {
  it('runs every example', () => {
    const examples = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.mjs'));
    expect(examples.filter((file) => !manifest.scripts['examples']?.includes(`examples/${file}`))).toEqual(
      [],
    );
  });

  it('has a version that the changelog knows', () => {
    expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## \\[(Unreleased|${manifest.version})\\]`, 'm'));
  });
});
