/** Counts what code that is not ours asks of WebGPU, by wrapping the methods of Dawn's classes for a while. */

const WRAPPED = {
  dispatches: ['GPUComputePassEncoder', 'dispatchWorkgroups'],
  submits: ['GPUQueue', 'submit'],
  bindGroups: ['GPUDevice', 'createBindGroup'],
  buffers: ['GPUDevice', 'createBuffer'],
} as const;

export type CallCounts = Record<keyof typeof WRAPPED, number>;

/** The calls made while `work` runs. Needs Dawn's globals in place. */
export async function countCalls(work: () => Promise<void>): Promise<CallCounts> {
  const counts: CallCounts = { dispatches: 0, submits: 0, bindGroups: 0, buffers: 0 };
  const restore: (() => void)[] = [];
  for (const [name, [owner, method]] of Object.entries(WRAPPED)) {
    const { prototype } = (globalThis as unknown as Record<string, { prototype: Record<string, unknown> }>)[
      owner
    ] as { prototype: Record<string, unknown> };
    const original = prototype[method] as (...given: unknown[]) => unknown;
    prototype[method] = function (this: unknown, ...given: unknown[]): unknown {
      counts[name as keyof CallCounts]++;
      return original.apply(this, given);
    };
    restore.push(() => void (prototype[method] = original));
  }
  try {
    await work();
  } finally {
    for (const undo of restore) undo();
  }
  return counts;
}
