/**
 * Looks for data races between the invocations of a workgroup, by wgsl_reflect's interpreter: all invocations run in
 * lockstep from barrier to barrier, and two that touch one place in between, one of them writing, are reported.
 * Of version 1.6.0: it takes no subgroup builtins, knows no workgroupUniformLoad (written out here, as a load between two
 * barriers), sees no barrier that is the first statement of a `for` body, and
 * evaluates a call's arguments with the parameters before them already bound (`f(i + 1, a[i])` for `fn f(i, x)`).
 */
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import { type KernelName, kernelDefinition, specialise } from '../../src/gpu/kernel.ts';
import type { Slot } from '../../src/gpu/recording.ts';
import type { Target } from '../../src/gpu/target.ts';
import type { KernelCase } from './case.ts';
import { recordCase } from './verify.ts';

/**
 * Runs a case's dispatches in order and returns what is found in those of one kernel, a line each.
 * @param change alters the kernel's text first.
 */
export function racesOf(
  kernelCase: KernelCase,
  target: Target,
  kernel: KernelName,
  change: (code: string) => string = (code) => code,
): string[] {
  const { recording } = recordCase(kernelCase, target);
  const buffers = new Map<Slot, ArrayBuffer>();
  const bufferOf = (slot: Slot): ArrayBuffer => {
    let found = buffers.get(slot);
    if (!found) {
      found = new ArrayBuffer(Math.ceil(slot.bytes / 16) * 16);
      const data = slot.external && kernelCase.inputs[slot.external.buffer]?.data;
      if (data) new Uint8Array(found).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      buffers.set(slot, found);
    }
    return found;
  };
  const found: string[] = [];
  let runs = 0;
  for (const call of recording.dispatches) {
    if (call.kernel !== kernel) continue;
    runs++;
    const definition = kernelDefinition(kernel);
    const params = new ArrayBuffer(definition.paramsBytes);
    const view = new DataView(params);
    for (const { name, type, offset } of definition.params) {
      const value = call.params[name] as number;
      if (type === 'f32') view.setFloat32(offset, value, true);
      else view.setUint32(offset, value, true);
    }
    const group: Record<string, ArrayBuffer | { uniform: ArrayBuffer }> = { 0: { uniform: params } };
    definition.bindings.forEach(({ name }, i) => (group[i + 1] = bufferOf(call.bindings[name] as Slot)));
    const { races, errors } = detectRaces(
      change(
        specialise(definition, call.constants ?? {}).replace(
          /let (\w+) = workgroupUniformLoad\(&(\w+)\);/g,
          'workgroupBarrier(); let $1 = $2; workgroupBarrier();',
        ),
      ),
      kernel,
      call.workgroups,
      { 0: group },
      { constants: call.overrides ?? {} },
    );
    found.push(...races.map(({ message }) => message), ...errors);
  }
  if (runs === 0) throw new Error(`${kernelCase.name} does not run ${kernel}`);
  return found;
}
