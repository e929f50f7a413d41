/**
 * Writes src/shaders.gen.ts: for every kernel in shaders/, its text (with the snippets that it names in a
 * `// lib: a b` line appended and comments left out, so that line numbers stay those of the file), and its bindings, params layout,
 * overrides and specialisable constants, all read off the WGSL by wgsl_reflect; and the revision of them all, the version of
 * the package and a digest of the kernels.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs';
import { basename, join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'shaders');
const output = join(root, 'src', 'shaders.gen.ts');

const MATRICES = 'chromium_experimental_subgroup_matrix';

/** Extensions of WGSL → the features of WebGPU that they need. */
const FEATURES = {
  subgroups: 'subgroups',
  f16: 'shader-f16',
  [MATRICES]: 'chromium-experimental-subgroup-matrix',
};

/** A text whose functions do nothing: wgsl_reflect does not know the types of subgroup matrices, which only bodies use. */
function withoutBodies(text) {
  return text.replace(/^((?:@[^\n]*\s)?fn [^{]*)\{[\s\S]*?^\}/gm, '$1{}');
}

/** A text without its comments, which no page has to load; its lines keep their numbers. */
function withoutComments(text) {
  return text.replace(/[ \t]*\/\/.*$/gm, '');
}

/** The declarations of a kernel, checked against the kernel contract. */
function describe(name, parts, files) {
  const text = parts[0].text;
  const commented = parts.map((part) => part.text).join('\n');
  const source = parts.map((part) => withoutComments(part.text)).join('\n');
  const fail = (message) => {
    throw new Error(`shaders/${name}.wgsl: ${message}`);
  };
  const extensions = [...text.matchAll(/^\s*enable\s+([\w,\s]+);/gm)].flatMap((m) =>
    m[1].split(',').map((f) => f.trim()),
  );
  const features = extensions.map((extension) => FEATURES[extension] ?? fail(`enables ${extension}`));
  const reflected = reflect(extensions.includes(MATRICES) ? withoutBodies(source) : source, fail);
  const entries = reflected.entry.compute;
  if (entries.length !== 1) fail(`needs exactly one compute entry point, has ${entries.length}`);
  if (entries[0].name !== name) fail(`entry point is ${entries[0].name}, must be ${name}`);
  if (
    reflected.uniforms.length !== 1 ||
    reflected.uniforms[0].name !== 'params' ||
    reflected.uniforms[0].binding !== 0
  )
    fail('binding 0 must be the only uniform and be named params');
  const struct = reflected.uniforms[0].type;
  const params = struct.members.map((member) => {
    if (!['u32', 'i32', 'f32'].includes(member.type.name))
      fail(`param ${member.name} is not a u32, i32 or f32`);
    return { name: member.name, type: member.type.name, offset: member.offset };
  });
  const bindings = reflected.storage
    .map((s) => ({
      name: s.name,
      binding: s.binding,
      access: s.access === 'read_write' ? 'read_write' : 'read',
    }))
    .sort((a, b) => a.binding - b.binding);
  bindings.forEach((b, i) => {
    if (b.binding !== i + 1) fail(`bindings must be numbered 1, 2, …: ${b.name} has ${b.binding}`);
  });
  const overrides = reflected.overrides.map((o) => o.name);
  const constants = [
    ...commented.matchAll(/^const (\w+)(?:: \w+)? = [\d.]+[uif]?; *\/\/ specialised\b/gm),
  ].map((m) => m[1]);
  const aliases = [...commented.matchAll(/^alias (\w+) = \w+; *\/\/ specialised\b/gm)].map((m) => m[1]);
  return {
    name,
    source,
    files,
    params,
    paramsBytes: Math.max(16, Math.ceil(struct.size / 16) * 16),
    bindings: bindings.map(({ name, access }) => ({ name, access })),
    overrides,
    constants: [...constants, ...aliases],
    features,
  };
}

/** wgsl_reflect's view of a text; its own errors carry its whole source, so only their message is kept. */
function reflect(source, fail) {
  try {
    return new WgslReflect(source.replace(/^\s*(enable|requires|diagnostic)\b[^;]*;/gm, ''));
  } catch (error) {
    return fail(`cannot be reflected: ${error.message}`);
  }
}

const kernels = readdirSync(folder)
  .filter((file) => file.endsWith('.wgsl'))
  .sort()
  .map((file) => {
    const name = basename(file, '.wgsl');
    const text = readFileSync(join(folder, file), 'utf8');
    const snippets = (text.match(/^\/\/ lib:(.*)$/m)?.[1] ?? '').trim().split(/\s+/).filter(Boolean);
    const parts = [
      { path: `shaders/${file}`, text },
      ...snippets.map((s) => ({
        path: `shaders/lib/${s}.wgsl`,
        text: readFileSync(join(folder, 'lib', `${s}.wgsl`), 'utf8'),
      })),
    ];
    let line = 1;
    const files = parts.map(({ path, text }) => {
      const firstLine = line;
      line += text.split('\n').length; // the parts are joined by one more line break
      return { path, firstLine };
    });
    return describe(name, parts, files);
  });

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const digest = createHash('sha256').update(JSON.stringify(kernels)).digest('hex').slice(0, 8);
const text = [
  '// Generated from shaders/ by scripts/generate-shaders.mjs: do not edit.',
  "import type { KernelDefinition } from './gpu/kernel.ts';",
  '',
  'export const kernels = {',
  ...kernels.map((k) => `  ${k.name}: ${JSON.stringify(k)},`),
  '} as const satisfies Record<string, KernelDefinition>;',
  '',
  `export const revision = ${JSON.stringify(`${version}+${digest}`)};`,
  '',
].join('\n');
if (!existsSync(output) || readFileSync(output, 'utf8') !== text) writeFileSync(output, text);
