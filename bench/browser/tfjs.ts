/**
 * tfjs's side of the browser benchmark: the same estimate, L_K and its effective sample size of one image, from a bank of samples
 * that is made once and kept, as ours is. The costs come by differences, or as ½‖y‖² + ½‖g‖² − y·g with the bank transposed and its
 * norms made once too.
 */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import type { PlainMlp, Score, Side, SideName } from './side.ts';

const startWith =
  (form: 'differences' | 'products'): Side =>
  async (address, { latents: count }) => {
    if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs: its WebGPU backend did not start');
    await tf.ready();
    const get = async (name: string): Promise<ArrayBuffer> => (await fetch(address + name)).arrayBuffer();
    const { widths, lambda, logC } = (await (await fetch(`${address}mlp.json`)).json()) as PlainMlp;
    const weights = new Float32Array(await get('mlp.bin'));
    const drawn = new Float32Array(await get('latents.bin'));
    const bank = tf.tidy(() => {
      let at = 0;
      let x = tf.tensor2d(drawn, [count, widths[0] as number]);
      widths.slice(1).forEach((width, layer) => {
        const before = widths[layer] as number;
        const weight = tf.tensor2d(weights.slice(at, at + before * width), [before, width]);
        at += before * width;
        const bias = tf.tensor1d(weights.slice(at, at + width));
        at += width;
        const activation = layer === widths.length - 2 ? 'sigmoid' : 'relu';
        x = tf.fused.matMul({ a: x, b: weight, bias, activation }) as tf.Tensor2D;
      });
      return x;
    });
    const transposed = form === 'products' ? tf.transpose(bank) : undefined;
    const norms = form === 'products' ? tf.tidy(() => tf.mul(tf.sum(tf.square(bank), 1), 0.5)) : undefined;
    return async (image): Promise<Score> => {
      const out = tf.tidy(() => {
        const y = tf.tensor2d(image, [1, image.length]);
        const costs =
          transposed && norms
            ? tf.sub(
                tf.add(norms, tf.mul(tf.sum(tf.square(y)), 0.5)),
                tf.reshape(tf.matMul(y, transposed), [count]),
              )
            : tf.mul(tf.sum(tf.squaredDifference(y, bank), 1), 0.5);
        const s = tf.mul(costs, -1 / lambda);
        const w = tf.softmax(s);
        return tf.stack([tf.logSumExp(s), tf.sum(tf.square(w))]);
      });
      const [sum, squares] = (await out.data()) as unknown as [number, number];
      out.dispose();
      return { logLikelihood: logC + sum - Math.log(count), ess: 1 / squares };
    };
  };

/** Starts tfjs with the form that the name says. */
export const start = (name: SideName, ...rest: Parameters<Side>): ReturnType<Side> =>
  startWith(name === 'tfjs, products' ? 'products' : 'differences')(...rest);

export const version = tf.version.tfjs;
