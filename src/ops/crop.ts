/** The top left of images. Its derivative pads with zeros, and the padding's is the crop again. */
import { kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

export interface CropShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly toHeight: number;
  readonly toWidth: number;
}

const cropOp: Op<CropShape> = {
  name: 'crop',
  dispatch({ inputs, outputs, attributes: { height, width, channels, toHeight, toWidth } }) {
    const [x] = inputs as readonly [Tensor];
    const [out] = outputs as readonly [Tensor];
    const lines = (out.shape[0] as number) * toHeight;
    return [
      kernelCall({
        kernel: 'crop',
        label: out.name,
        params: {
          lines,
          height_in: height,
          height_out: toHeight,
          length_in: width * channels,
          length_out: toWidth * channels,
        },
        bindings: { x, out },
        workgroups: elementGroups(lines, 4),
        flops: 0,
        bytes: 8 * sizeOf(out.shape),
      }),
    ];
  },
  derivative(graph, { inputs, attributes: { height, width, channels, toHeight, toWidth } }, [gradient]) {
    if (!gradient) return [undefined];
    const back = { height: toHeight, width: toWidth, channels, toHeight: height, toWidth: width };
    return [cropNode(graph, gradient, back, `d(${(inputs[0] as Tensor).name})`)];
  },
};

function cropNode(graph: Graph, x: Tensor, shape: CropShape, name: string): Tensor {
  const { channels, toHeight, toWidth } = shape;
  return graph.add(cropOp, {
    inputs: [x],
    outputs: [{ name, shape: [x.shape[0] as number, toHeight * toWidth * channels] }],
    attributes: shape,
  })[0];
}

/** The toHeight × toWidth pixels at the top left of images x, [batch, height·width·channels]: [batch, toHeight·toWidth·channels]. */
export function crop(graph: Graph, x: Tensor, shape: CropShape): Tensor {
  const { height, width, channels, toHeight, toWidth } = shape;
  if (x.shape[1] !== height * width * channels || toHeight > height || toWidth > width)
    throw new Error(
      `crop: ${x.name} is [${x.shape}]; cannot take ${toHeight}×${toWidth} of its ${height}×${width}×${channels}`,
    );
  return cropNode(graph, x, shape, `crop(${x.name})`);
}
