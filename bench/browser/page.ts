/** What the page of the browser benchmark holds as `bench`: both sides, held against each other and timed in turn. */
import { type Interleaved, interleave } from '../interleave.ts';
import { start as startOurs } from './ours.ts';
import { SIDES, type Score, type SideName, type SideOptions } from './side.ts';
import { start as startTfjs, version } from './tfjs.ts';

export interface OnePage {
  readonly scores: Readonly<Record<SideName, readonly Score[]>>;
  /** Ours in turn with each form of tfjs's. */
  readonly timings: Readonly<Record<Exclude<SideName, 'ours'>, Interleaved>>;
  readonly tfjs: string;
  readonly adapter: Pick<
    GPUAdapterInfo,
    'vendor' | 'architecture' | 'device' | 'description' | 'isFallbackAdapter'
  >;
}

/** Scores all images on every side, then the first of them over and over. */
export async function scoreInTurn(
  address: string,
  images: readonly (readonly number[])[],
  options: SideOptions,
  times: { readonly turns: number; readonly turnMs: number },
): Promise<OnePage> {
  const pixels = images.map((image) => Float32Array.from(image));
  const scores: Partial<Record<SideName, Score[]>> = {};
  const contenders = [];
  for (const name of SIDES) {
    const score = await (name === 'ours' ? startOurs : startTfjs)(name, address, options);
    const found: Score[] = [];
    for (const image of pixels) found.push(await score(image));
    scores[name] = found;
    const run = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await score(pixels[0] as Float32Array);
    };
    contenders.push({ name, run });
  }
  const [ours, ...others] = contenders as [(typeof contenders)[0], ...typeof contenders];
  const timings: Partial<Record<SideName, Interleaved>> = {};
  for (const other of others) timings[other.name] = await interleave([ours, other], times);
  const { info } = (await navigator.gpu.requestAdapter()) as GPUAdapter;
  const { vendor, architecture, device, description, isFallbackAdapter } = info;
  return {
    scores: scores as OnePage['scores'],
    timings: timings as OnePage['timings'],
    tfjs: version,
    adapter: { vendor, architecture, device, description, isFallbackAdapter },
  };
}
