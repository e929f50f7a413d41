/** The kernels that the graphs of a training plan run, chosen by timing them, where a store does not know them already. */
import type { Device } from '../gpu/device.ts';
import { REVISION } from '../gpu/kernel.ts';
import { compile } from '../gpu/plan.ts';
import type { Target } from '../gpu/target.ts';
import { shapesOf } from '../graph/candidates.ts';
import type { Graph } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { tune } from '../graph/tune.ts';
import type { VariantStore, Variants } from './variant-store.ts';

/** How the kernels of a run were chosen. */
export interface TuningReport {
  /** Shapes that were timed, that the store knew, and that there was no time for: these run the default. */
  readonly timed: number;
  readonly cached: number;
  readonly left: number;
  readonly seconds: number;
  /** Why the store could not keep what was found. */
  readonly notSaved?: string;
}

/** Milliseconds after which no candidate is begun. */
const BUDGET_MS = 2500;

/** What timings hold for: they are apart in a store where one of these differs. */
function adapterLine({ adapter, unchecked }: Device, { precision = 'f32' }: Target): string {
  const { vendor, architecture, device, description, kind } = adapter;
  const checks = unchecked ? 'unchecked' : 'checked';
  return [vendor, architecture, device, description, kind, precision, checks, REVISION].join(' | ');
}

/** The choices for graphs: those of the store that hold, and others by timing, which are then saved. */
export async function tunedVariants(
  device: Device,
  graphs: readonly Graph[],
  target: Target,
  store: VariantStore,
): Promise<{ readonly variants: Variants; readonly report: TuningReport }> {
  const adapter = adapterLine(device, target);
  const stored = await store.load(adapter);
  const shapes = shapesOf(graphs, target).filter(({ candidates }) => candidates.variants.size > 1);
  const unknown = shapes.filter(({ candidates: { key, variants } }) => !variants.has(stored[key] as string));
  // These are most of what training runs, and would have to be compiled without tuning as well.
  const known = { ...target, variants: stored };
  if (unknown.length > 0)
    await compile(
      device,
      graphs.map((graph) => schedule(graph, known).recording),
    );
  const { choices, left, tookMs } = await tune(device, unknown, target, BUDGET_MS);
  const variants = { ...stored, ...choices };
  const timed = unknown.length - left;
  let notSaved: string | undefined;
  if (timed > 0) {
    notSaved = await store.save(adapter, variants).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
  }
  return {
    variants,
    report: {
      timed,
      cached: shapes.length - unknown.length,
      left,
      seconds: tookMs / 1000,
      ...(notSaved === undefined ? {} : { notSaved }),
    },
  };
}
