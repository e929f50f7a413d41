/** The Node entry: everything of the core, and what needs Dawn and the file system. */
export * from './index.ts';
export { openDevice, type OpenDeviceOptions } from './node/open-device.ts';
export { loadDataset } from './node/load-dataset.ts';
export { variantStore } from './node/variant-store.ts';
export { readCheckpoint, readModel, writeCheckpoint, writeModel } from './node/model-files.ts';
