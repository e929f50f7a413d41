/** The public API of the environment-free core: re-exports only. */
export { Device, type AdapterDescription, type DeviceCounters } from './gpu/device.ts';
export { UserError } from './gpu/errors.ts';
