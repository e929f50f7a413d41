/** Products as text. */
import { table } from './output.ts';
import type { ProductTiming } from './time-product.ts';

export function printProducts(products: readonly ProductTiming[]): string {
  const compared = products.some(({ tfjs }) => tfjs);
  return table(
    [
      'product',
      'kernels',
      'error/√n',
      'ms',
      'GFLOP/s',
      ...(compared ? ['in turn: ours', 'tfjs', 'ratio'] : []),
    ],
    products.map(({ precision, size, kernels, candidate, error, ms, gflops, tfjs }) => [
      `${precision} ${size}`,
      candidate ?? kernels.join(' '),
      error.toExponential(1),
      ms.toFixed(4),
      gflops.toFixed(0),
      ...(tfjs
        ? [`${tfjs.oursMs.toFixed(3)} ms`, `${tfjs.tfjsMs.toFixed(3)} ms`, `${tfjs.ratio.toFixed(1)}×`]
        : []),
    ]),
  );
}
