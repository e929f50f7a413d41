/** Sleep while something is awaited: few turns of the event loop then, and none held up otherwise. */
import { describe, expect, it } from 'vitest';
import { Naps } from '../src/node/naps.ts';

/** Turns of the event loop in so many milliseconds. */
async function turnsIn(ms: number): Promise<number> {
  const end = performance.now() + ms;
  let turns = 0;
  while (performance.now() < end) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  return turns;
}

describe('naps', () => {
  it('leave the event loop a thousand turns a second while something is awaited, and all of them after it', async () => {
    const naps = new Naps();
    const [first, second] = [naps.begin(), naps.begin()];
    first();
    await turnsIn(50); // at first they are short
    expect(await turnsIn(200)).toBeLessThan(250);
    second();
    await turnsIn(5);
    expect(await turnsIn(200)).toBeGreaterThan(2000);
  });

  it('begin short, so that short work is noticed in time', async () => {
    const arrived = new Naps().begin();
    expect(await turnsIn(20)).toBeGreaterThan(10);
    arrived();
  });
});
