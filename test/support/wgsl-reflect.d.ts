/** The one function that tests take from wgsl_reflect; its module build, which Node can load, has no types beside it. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export function detectRaces(
    code: string,
    kernel: string,
    dispatchCount: readonly number[],
    bindGroups: Readonly<Record<string, Readonly<Record<string, ArrayBuffer | { uniform: ArrayBuffer }>>>>,
    config: { constants?: Readonly<Record<string, number>> },
  ): { readonly races: readonly { readonly message: string }[]; readonly errors: readonly string[] };
}
