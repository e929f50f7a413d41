/**
 * npm run bench:matmul [-- --size 1024 --size 4096 --turns 5 --mixed --candidates --tfjs --out FILE]
 * Square matrix products a·b, by default of 256 to 4096 on a GPU and to 1024 elsewhere: float32 and, with --mixed on a GPU that
 * has f16, factors rounded to it (on subgroup matrices, where there are any, their packing counts); with --tfjs those in float32 beside tfjs-webgpu,
 * with --candidates each also by every other kernel that could run it.
 * Some results of each are held against float64 first.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { PRECISIONS, lacksForMixed, targetOf } from '../src/gpu/target.ts';
import { openDevice } from '../src/node/open-device.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { printProducts } from './print-products.ts';
import { startTfjs } from './tfjs/backend.ts';
import { type ProductTiming, candidatesOf, timeProduct } from './time-product.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', multiple: true },
    turns: { type: 'string', default: '5' },
    mixed: { type: 'boolean', default: false },
    /** Times every kernel that could run each product, as the tuner does. */
    candidates: { type: 'boolean', default: false },
    tfjs: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
using device = await openDevice({ mixedPrecision: values.mixed });
const lacks = values.mixed ? lacksForMixed(targetOf(device)) : [];
if (lacks.length > 0)
  throw new UserError(`bench: --mixed, but this device has no ${lacks.join(', no ')}; leave --mixed out`);
using tfjs = values.tfjs ? await startTfjs() : null;
const usual = device.adapter.kind === 'hardware' ? [256, 512, 1024, 2048, 4096] : [256, 512, 1024];
const sizes = values.size?.map(Number) ?? usual;
const turns = Number(values.turns);
const where = provenance(device.adapter);
console.log(printProvenance(where));
const products: ProductTiming[] = [];
for (const precision of values.mixed ? PRECISIONS : (['f32'] as const))
  for (const size of sizes) {
    const beside = tfjs && precision === 'f32' ? { tf: tfjs.tf } : {};
    products.push(await timeProduct(device, size, { turns, precision, ...beside }));
    if (!values.candidates) continue;
    const [, ...others] = candidatesOf(size, targetOf(device, precision)).variants.keys();
    for (const candidate of others)
      products.push(await timeProduct(device, size, { turns, precision, candidate }));
  }
console.log(printProducts(products));
if (values.out) await writeResult(values.out, { benchmark: 'matmul', ...where, products });
