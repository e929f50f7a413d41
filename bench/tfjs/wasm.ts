/** tfjs on its WebAssembly backend: the CPU, with SIMD instructions, and with threads where the platform gives them to it. */
import * as tfjs from '@tensorflow/tfjs';
import { getThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import type { Tfjs } from './backend.ts';

export interface TfjsWasm {
  readonly tf: Tfjs;
  readonly threads: number;
}

/** Makes it the backend that tfjs runs on. */
export async function startTfjsWasm(): Promise<TfjsWasm> {
  if (!(await tfjs.setBackend('wasm'))) throw new Error('tfjs: its WebAssembly backend did not start');
  await tfjs.ready();
  return { tf: tfjs, threads: getThreadsCount() };
}
