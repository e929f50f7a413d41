/**
 * What the library knows of a kernel before it is compiled, and the typed description of one dispatch of it.
 * The table itself, `src/shaders.gen.ts`, is generated from `shaders/*.wgsl`.
 */
import { kernels, revision } from '../shaders.gen.ts';

/** The version of the library and a digest of its kernels: what was measured of them holds as long as it is the same. */
export const REVISION: string = revision;

export type ScalarType = 'u32' | 'i32' | 'f32';

/** A kernel as reflected from its WGSL: text, params layout (binding 0), storage bindings 1…, overrides. */
export interface KernelDefinition {
  readonly name: string;
  readonly source: string;
  /** The files that the text is made of, and the line at which each begins, from 1. */
  readonly files: readonly { readonly path: string; readonly firstLine: number }[];
  /** Members of the uniform `params`, offsets in bytes. */
  readonly params: readonly { readonly name: string; readonly type: ScalarType; readonly offset: number }[];
  readonly paramsBytes: number;
  readonly bindings: readonly { readonly name: string; readonly access: 'read' | 'read_write' }[];
  /** Pipeline-overridable constants. */
  readonly overrides: readonly string[];
  /** Constants and aliases marked `// specialised` in the text, replaced before compilation. */
  readonly constants: readonly string[];
  /** WGSL `enable` directives, which must be features of the device. */
  readonly features: readonly string[];
}

export type KernelName = keyof typeof kernels;
type Definition<K extends KernelName> = (typeof kernels)[K];
export type ParamName<K extends KernelName> = Definition<K>['params'][number]['name'];
export type BindingName<K extends KernelName> = Definition<K>['bindings'][number]['name'];
export type OverrideName<K extends KernelName> = Definition<K>['overrides'][number];
export type ConstantName<K extends KernelName> = Definition<K>['constants'][number];

/** A param that is known only when a step is run, by its name in the step's values. */
export interface StepValue {
  readonly step: string;
}
export type ParamValue = number | StepValue;

/** One dispatch of kernel K over buffers described by B. Every param and binding of the kernel must be given. */
export interface KernelCall<K extends KernelName, B> {
  readonly kernel: K;
  readonly label: string;
  readonly params: { readonly [P in ParamName<K>]: ParamValue };
  readonly bindings: { readonly [P in BindingName<K>]: B };
  readonly overrides?: { readonly [P in OverrideName<K>]?: number };
  readonly constants?: { readonly [P in ConstantName<K>]?: number | string };
  readonly workgroups: readonly [number, number, number];
  /** Arithmetic operations and bytes moved, for profiles and benchmarks. */
  readonly flops: number;
  readonly bytes: number;
}

/** The same with the kernel forgotten: what recordings and plans hold. */
export interface AnyKernelCall<B> {
  readonly kernel: KernelName;
  readonly label: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly bindings: Readonly<Record<string, B>>;
  readonly overrides?: Readonly<Record<string, number>>;
  readonly constants?: Readonly<Record<string, number | string>>;
  readonly workgroups: readonly [number, number, number];
  readonly flops: number;
  readonly bytes: number;
}

/** Checks a call against its kernel's declarations at compile time. */
export function kernelCall<K extends KernelName, B>(call: KernelCall<K, B>): AnyKernelCall<B> {
  return call as unknown as AnyKernelCall<B>;
}

/** The definition of a kernel by name. */
export function kernelDefinition(name: KernelName): KernelDefinition {
  return kernels[name];
}

/** `shaders/x.wgsl:12` of a line of a kernel's text, whose snippets have files of their own. */
export function sourceLine({ files }: KernelDefinition, line: number): string {
  const { path, firstLine } = files.findLast((file) => file.firstLine <= line) ?? { path: '', firstLine: 1 };
  return `${path}:${line - firstLine + 1}`;
}

/** The f16 type that an alias may be specialised to. */
const HALVES = 'vec4h';
const isHalves = (constants: Readonly<Record<string, number | string>>): boolean =>
  Object.values(constants).includes(HALVES);

/** The features that a kernel needs with such constants. */
export function featuresOf(
  { features }: KernelDefinition,
  constants: Readonly<Record<string, number | string>>,
): readonly string[] {
  return isHalves(constants) ? [...features, 'shader-f16'] : features;
}

/** The text of a kernel with its `// specialised` constants and aliases replaced. */
export function specialise(
  definition: KernelDefinition,
  constants: Readonly<Record<string, number | string>>,
): string {
  let text = isHalves(constants) ? `enable f16; ${definition.source}` : definition.source;
  for (const [name, value] of Object.entries(constants)) {
    const line = new RegExp(`^((?:const|alias) ${name}(?:: \\w+)? = )[\\w.]+(;)`, 'm');
    const typed =
      /^const \w+: f32/.test(text.match(line)?.[0] ?? '') && Number.isInteger(value)
        ? `${value}.0`
        : `${value}`;
    text = text.replace(line, `$1${typed}$2`);
  }
  return text;
}
