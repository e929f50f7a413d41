/**
 * Tests that need a GPU. Where no adapter is found they are skipped and say why, unless ENTROPIC_GAN_REQUIRE_GPU=1,
 * when they fail.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { openDevice } from '../../src/node/open-device.ts';

/**
 * A group of tests on a device of their own, which must have no live buffers at the end.
 * @param open default: what there is, with all that kernels can use.
 */
export function describeGpu(
  name: string,
  body: (device: Device) => void | Promise<void>,
  open: () => Promise<Device> = () => openDevice({ mixedPrecision: true }),
): void {
  describe(name, async () => {
    let device: Device;
    try {
      device = await open();
    } catch (error) {
      const reason = (error as Error).message;
      if (process.env['ENTROPIC_GAN_REQUIRE_GPU'] === '1')
        it('finds an adapter, as ENTROPIC_GAN_REQUIRE_GPU=1 asks', () => {
          throw error;
        });
      else {
        console.warn(`skipped: ${name}: ${reason}`);
        it.skip(reason);
      }
      return;
    }
    afterAll(() => {
      const { liveBuffers } = device;
      device.dispose();
      expect(liveBuffers).toBe(0);
    });
    await body(device);
  });
}
