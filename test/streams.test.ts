/** No two purposes draw from one random stream: the initial weights keep clear of the latents, batches and the rest. */
import { expect, it } from 'vitest';
import { threefryUniforms } from '../src/data/random.ts';
import { NETWORKS } from '../src/gan/checkpoint.ts';
import { encoderLayers, encoderNetwork } from '../src/gan/encoder.ts';
import { STREAMS } from '../src/gan/streams.ts';
import { ENCODER_STREAM } from '../src/likelihood/encoder-training.ts';
import { dcgan, linear, mlp, networksOf } from '../src/nn/architectures.ts';
import { initialParameters } from '../src/nn/initialise.ts';

it('no two purposes share a stream', () => {
  const streams: readonly number[] = Object.values(STREAMS);
  expect(new Set(streams).size).toBe(streams.length);
});

it.each([
  ['mlp', mlp({ sample: [4], latent: 3, hidden: [8, 8, 8] })],
  ['linear', linear({ sample: [4], latent: 3 })],
  ['dcgan', dcgan({ image: [8, 8, 1], latent: 3, width: 2 })],
])('the weights of %s are drawn from streams of their own', (_, model) => {
  const seed = 1;
  const taken = Object.values(STREAMS).map((stream) => threefryUniforms(2, [seed, stream])[0]!);
  const seen = new Set(taken);
  const layouts = [
    ...NETWORKS.map((network, stream) => ({ network, stream, layout: networksOf(model)[network].layout })),
    {
      network: 'encoder',
      stream: ENCODER_STREAM,
      layout: encoderNetwork(model, encoderLayers(model, [5])).layout,
    },
  ];
  for (const { network, stream, layout } of layouts) {
    const flat = initialParameters(layout, seed, stream);
    for (const { name, offset, initial } of layout.parameters) {
      if (!('limit' in initial)) continue;
      const first = flat[offset / 4]! / initial.limit / 2 + 0.5; // the uniform it came from
      const nearest = Math.min(...[...seen].map((other) => Math.abs(other - first)));
      expect(nearest, `${network}.${name}`).toBeGreaterThan(1e-6);
      seen.add(first);
    }
  }
});
