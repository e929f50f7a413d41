/** Sleep while something is awaited: how long in each turn of the event loop, and none where nothing is. */
import { describe, expect, it } from 'vitest';
import { Naps } from '../src/node/naps.ts';

/** A clock and an event loop that only move when told. */
function loopOf() {
  let now = 0;
  let queued: (() => void)[] = [];
  const naps: number[] = [];
  return {
    naps,
    loop: {
      now: () => now,
      sleep: (ms: number) => {
        naps.push(ms);
        now += ms;
      },
      nextTurn: (work: () => void) => void queued.push(work),
    },
    pass: (ms: number) => void (now += ms),
    turn: (): number => {
      const works = queued;
      queued = [];
      for (const work of works) work();
      return works.length;
    },
  };
}

describe('naps', () => {
  it('grow with the wait, from a twentieth of a millisecond to one, and begin anew with what is asked for or comes', () => {
    const { loop, naps, turn, pass } = loopOf();
    const all = new Naps(loop);
    const first = all.begin();
    turn();
    pass(16 - 0.05);
    turn();
    pass(100);
    turn();
    expect(naps).toEqual([0.05, 0.5, 1]);
    const second = all.begin();
    turn();
    pass(40);
    first();
    turn();
    expect(naps.slice(3)).toEqual([0.05, 0.05]);
    second();
  });

  it('are one a turn however much is awaited, and end with the last of it', () => {
    const { loop, naps, turn } = loopOf();
    const all = new Naps(loop);
    const arrived = [all.begin(), all.begin(), all.begin()];
    expect(turn()).toBe(1);
    expect(turn()).toBe(1);
    for (const one of arrived) one();
    expect(turn()).toBe(1); // which finds nothing to wait for
    expect(turn()).toBe(0);
    expect(naps).toHaveLength(2);
    all.begin();
    expect(turn()).toBe(1);
    expect(naps).toHaveLength(3);
  });

  it("let the event loop turn while they last, on Node's own clock", async () => {
    const arrived = new Naps().begin();
    const from = performance.now();
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(performance.now() - from).toBeGreaterThan(0.4); // ten of at least 0.05 ms
    arrived();
  });
});
