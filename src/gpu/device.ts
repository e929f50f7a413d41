/**
 * The device: owns a GPUDevice, compiles and caches pipelines, counts what it creates, and turns validation errors
 * and device loss into one clear error for everything that is pending. It is passed to whatever uses it.
 */
import { UserError } from './errors.ts';
import { type KernelName, featuresOf, kernelDefinition, sourceLine, specialise } from './kernel.ts';

/** What is known of the adapter a device came from. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** `software` runs on the CPU; kernels prefer few barriers there. */
  readonly kind: 'hardware' | 'software';
  /** Smallest and largest subgroup size, where the feature is there. */
  readonly subgroupSizes?: readonly [number, number];
  /** M×N×K of the subgroup matrices with f16 factors and float32 sums, where the adapter tells. */
  readonly matrixShapes?: readonly string[];
}

/** What adapters with subgroup matrices tell of them; not in the standard yet. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** How often each kind of call was made, since the device was opened. A steady training step leaves the first four unchanged. */
export interface DeviceCounters {
  buffers: number;
  bindGroups: number;
  pipelines: number;
  modules: number;
  submits: number;
  uploads: number;
  uploadedBytes: number;
}

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** A GPU buffer with its owner's means to end it. */
export interface OwnedBuffer extends Disposable {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  dispose(): void;
}

/** Describes an adapter from its info, recognising the known software renderers. */
export function describeAdapter(
  info: GPUAdapterInfo & { readonly subgroupMatrixConfigs?: Iterable<MatrixConfig> },
): AdapterDescription {
  const matrixConfigs = [...(info.subgroupMatrixConfigs ?? [])];
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  const software =
    info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|softpipe|warp|basic render/i.test(text);
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    kind: software ? 'software' : 'hardware',
    ...(info.subgroupMinSize && info.subgroupMaxSize
      ? { subgroupSizes: [info.subgroupMinSize, info.subgroupMaxSize] as const }
      : {}),
    ...(matrixConfigs.length > 0
      ? {
          matrixShapes: matrixConfigs
            .filter((config) => config.componentType === 'f16' && config.resultComponentType === 'f32')
            .map(({ M, N, K }) => `${M}×${N}×${K}`),
        }
      : {}),
  };
}

/** Features asked for where the adapter has them. */
const WANTED_FEATURES = [
  'timestamp-query',
  'subgroups',
  'shader-f16',
  'chromium-experimental-subgroup-matrix' as GPUFeatureName, // not in the standard yet
] as const;

/** Limits raised to what the adapter has; kernels stay within the defaults, large data sets and banks profit. */
const RAISED_LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** What to ask an adapter's device for. */
export function deviceDescriptor(adapter: GPUAdapter): GPUDeviceDescriptor {
  return {
    label: 'entropic-gan',
    requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  };
}

/** A lost device says so within this time of the first call that fails for it; browsers tell through another process. */
const LAST_WORD_MS = 100;

export interface DeviceOptions {
  /** Called once after the GPUDevice was destroyed (releases whatever the device came from). */
  readonly onDispose?: () => void;
  /** With false the GPUDevice is left alive on dispose. Default true. */
  readonly ownsDevice?: boolean;
  /** Whether bounds checks in shaders and validation are switched off, which timings depend on. Default false. */
  readonly unchecked?: boolean;
  /** What to do once the device is lost, for the message. Default: open a new one and resume. */
  readonly whenLost?: string;
  /** Called when something of the GPU is awaited; what it returns is called when that has come, or failed. */
  readonly onWait?: () => () => void;
}

export class Device implements Disposable {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterDescription;
  /** Whether bounds checks in shaders and validation are switched off. */
  readonly unchecked: boolean;
  /** Resolves with the error when the device is lost; dispose() is no loss. */
  readonly lost: Promise<UserError>;
  readonly counters: DeviceCounters = {
    buffers: 0,
    bindGroups: 0,
    pipelines: 0,
    modules: 0,
    submits: 0,
    uploads: 0,
    uploadedBytes: 0,
  };
  #liveBuffers = 0;
  #liveBytes = 0;
  #disposed = false;
  #ended: Error | undefined;
  /** Rejects what is pending, one function each. */
  readonly #pending = new Set<(error: Error) => void>();
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #onDispose: () => void;
  readonly #onWait: (() => () => void) | undefined;

  /** Takes over a GPUDevice. */
  constructor(gpu: GPUDevice, adapter: AdapterDescription, options: DeviceOptions = {}) {
    this.gpu = gpu;
    this.adapter = adapter;
    this.unchecked = options.unchecked ?? false;
    this.#onWait = options.onWait;
    const onError = (event: Event): void => {
      event.preventDefault(); // it is reported by whatever fails because of it
      const { error } = event as GPUUncapturedErrorEvent;
      this.#fail(new Error(`WebGPU: ${error.message}`));
    };
    gpu.addEventListener('uncapturederror', onError);
    const { whenLost = 'open a new device and resume from the last checkpoint' } = options;
    this.lost = new Promise((resolve) => {
      void gpu.lost.then((info) => {
        if (this.#disposed) return;
        const reason = info.message.split('\n')[0] || 'no reason given';
        const error = new UserError(`device lost (${info.reason}): ${reason}; ${whenLost}`);
        this.#fail(error);
        resolve(error);
      });
    });
    this.#onDispose = () => {
      gpu.removeEventListener('uncapturederror', onError);
      if (options.ownsDevice !== false) gpu.destroy();
      options.onDispose?.();
    };
  }

  /** Number of buffers made by this device and not yet disposed. */
  get liveBuffers(): number {
    return this.#liveBuffers;
  }
  /** Their total size in bytes. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Throws if the device was disposed, lost, or has failed validation. */
  check(): void {
    if (this.#ended) throw this.#ended;
  }

  /** The first failure is the one that everything reports. */
  #fail(error: Error): void {
    this.#ended ??= error;
    for (const reject of this.#pending) reject(this.#ended);
    this.#pending.clear();
  }

  /** The given promise, or the device's end if that comes first: nothing pending hangs on a lost device. */
  async whileAlive<T>(promise: Promise<T>): Promise<T> {
    if (this.#ended) {
      promise.catch(() => {}); // it fails for the same reason
      throw this.#ended;
    }
    const arrived = this.#onWait?.();
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#pending.add(reject);
        promise.then(
          (value) => {
            this.#pending.delete(reject);
            resolve(value);
          },
          (error: unknown) => {
            // A call can fail just before the device says why: its word, which rejects this too, is waited for.
            setTimeout(() => {
              this.#pending.delete(reject);
              reject(this.#ended ?? error);
            }, LAST_WORD_MS);
          },
        );
      });
    } finally {
      arrived?.();
    }
  }

  /** Makes a zeroed buffer. @throws UserError when it exceeds the device's limits. */
  buffer(label: string, bytes: number, usage: GPUBufferUsageFlags): OwnedBuffer {
    this.check();
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    if (size > this.gpu.limits.maxBufferSize)
      throw new UserError(
        `${label}: needs a buffer of ${size} bytes, the device allows ${this.gpu.limits.maxBufferSize}; use a smaller batch or fewer samples`,
      );
    const buffer = this.gpu.createBuffer({ label, size, usage });
    this.counters.buffers++;
    this.#liveBuffers++;
    this.#liveBytes += size;
    let live = true;
    const dispose = (): void => {
      if (!live) return;
      live = false;
      this.#liveBuffers--;
      this.#liveBytes -= size;
      buffer.destroy();
    };
    return { buffer, bytes: size, dispose, [Symbol.dispose]: dispose };
  }

  /** A storage buffer that can be read, written, copied from and to. */
  storage(label: string, bytes: number): OwnedBuffer {
    return this.buffer(label, bytes, GPU_STORAGE);
  }

  /** A storage buffer holding `data`. */
  storageOf(label: string, data: ArrayBufferView<ArrayBuffer>): OwnedBuffer {
    const owned = this.storage(label, data.byteLength);
    this.upload(owned.buffer, 0, data);
    return owned;
  }

  /** Queues a write. Sizes that are no multiple of 4 bytes are padded with zeros. */
  upload(buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    this.check();
    let bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.byteLength % 4 !== 0) {
      const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
      padded.set(bytes);
      bytes = padded;
    }
    this.gpu.queue.writeBuffer(buffer, offset, bytes);
    this.counters.uploads++;
    this.counters.uploadedBytes += bytes.byteLength;
  }

  submit(commands: GPUCommandBuffer[]): void {
    this.check();
    this.gpu.queue.submit(commands);
    this.counters.submits++;
  }

  /** Resolves when everything submitted so far is done. */
  async idle(): Promise<void> {
    await this.whileAlive(this.gpu.queue.onSubmittedWorkDone());
  }

  /** Copies `bytes` from a buffer to the host, waiting for it. */
  async read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const [content] = await this.#readPieces([{ buffer, offset, bytes }]);
    return content as ArrayBuffer;
  }

  /** Copies whole buffers to the host, all of them as they are at one moment. */
  async readAll(
    buffers: readonly { readonly buffer: GPUBuffer; readonly bytes: number }[],
  ): Promise<ArrayBuffer[]> {
    return this.#readPieces(buffers.map(({ buffer, bytes }) => ({ buffer, offset: 0, bytes })));
  }

  async #readPieces(
    pieces: readonly { buffer: GPUBuffer; offset: number; bytes: number }[],
  ): Promise<ArrayBuffer[]> {
    const padded = pieces.map(({ bytes }) => Math.ceil(bytes / 4) * 4);
    const starts = padded.map((_, i) => padded.slice(0, i).reduce((sum, bytes) => sum + bytes, 0));
    using staging = this.buffer(
      'readback',
      padded.reduce((sum, bytes) => sum + bytes, 0),
      GPU_READBACK,
    );
    const encoder = this.gpu.createCommandEncoder({ label: 'readback' });
    pieces.forEach(({ buffer, offset }, i) =>
      encoder.copyBufferToBuffer(buffer, offset, staging.buffer, starts[i] as number, padded[i] as number),
    );
    this.submit([encoder.finish()]);
    await this.whileAlive(staging.buffer.mapAsync(GPU_MAP_READ));
    const all = staging.buffer.getMappedRange();
    return pieces.map(({ bytes }, i) => all.slice(starts[i] as number, (starts[i] as number) + bytes));
  }

  async readFloats(buffer: GPUBuffer, offset: number, count: number): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(await this.read(buffer, offset, count * 4));
  }

  /** Whether a pipeline has been asked for before. */
  hasPipeline(
    name: KernelName,
    overrides: Readonly<Record<string, number>> = {},
    constants: Readonly<Record<string, number | string>> = {},
  ): boolean {
    return this.#pipelines.has(pipelineKey(name, overrides, constants));
  }

  /** The compiled pipeline of a kernel, cached by its constants and overrides; layouts are explicit, params take a dynamic offset. */
  async pipeline(
    name: KernelName,
    overrides: Readonly<Record<string, number>> = {},
    constants: Readonly<Record<string, number | string>> = {},
  ): Promise<Pipeline> {
    this.check();
    const key = pipelineKey(name, overrides, constants);
    let found = this.#pipelines.get(key);
    if (!found) {
      found = this.#compile(name, overrides, constants);
      this.#pipelines.set(key, found);
    }
    return this.whileAlive(found);
  }

  async #compile(
    name: KernelName,
    overrides: Readonly<Record<string, number>>,
    constants: Readonly<Record<string, number | string>>,
  ): Promise<Pipeline> {
    const definition = kernelDefinition(name);
    for (const feature of featuresOf(definition, constants)) {
      if (!this.gpu.features.has(feature))
        throw new UserError(
          `kernel ${name} needs the feature ${feature}, which this device was not opened with`,
        );
    }
    // A text that does not compile is reported below, with its line; uncaptured, it would end the device.
    this.gpu.pushErrorScope('validation');
    const module = this.gpu.createShaderModule({ label: name, code: specialise(definition, constants) });
    this.gpu.popErrorScope().catch(() => {});
    this.counters.modules++;
    const layout = this.gpu.createBindGroupLayout({
      label: name,
      entries: [
        {
          binding: 0,
          visibility: GPU_COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: definition.paramsBytes },
        },
        ...definition.bindings.map((binding, index) => ({
          binding: index + 1,
          visibility: GPU_COMPUTE,
          buffer: { type: binding.access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
        })),
      ],
    });
    try {
      const pipeline = await this.gpu.createComputePipelineAsync({
        label: name,
        layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: name, constants: { ...overrides } },
      });
      this.counters.pipelines++;
      return { pipeline, layout };
    } catch (error) {
      const info = await module.getCompilationInfo();
      const messages = info.messages.map(
        (m) => `${sourceLine(definition, m.lineNum)}:${m.linePos} ${m.message}`,
      );
      throw new Error(`${name} does not compile: ${messages.join('; ') || (error as Error).message}`);
    }
  }

  /** Destroys the device; everything pending and everything later fails with one clear error. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ended = new UserError('the device was disposed; open a new one');
    this.#fail(this.#ended);
    this.#onDispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function pipelineKey(
  name: KernelName,
  overrides: Readonly<Record<string, number>>,
  constants: Readonly<Record<string, number | string>>,
): string {
  return JSON.stringify([name, Object.entries(overrides).sort(), Object.entries(constants).sort()]);
}

// The flag values of the WebGPU specification: the globals that carry them are missing in Node.
export const GPU_MAP_READ = 0x1;
const GPU_COMPUTE = 0x4;
const GPU_STORAGE = 0x80 | 0x8 | 0x4;
export const GPU_READBACK = 0x1 | 0x8;
export const GPU_UNIFORM = 0x40 | 0x8;
