/**
 * Puts Dawn's WebGPU globals (GPUBufferUsage and the like) where tfjs looks for them. Import this before tfjs: a module
 * of its own, because imports run before everything else in a file.
 */
import { globals } from 'webgpu';

Object.assign(globalThis, globals);
