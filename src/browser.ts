/** The browser entry: everything of the core, and what needs the page or the worker that it runs in. */
export * from './index.ts';
export { loadDataset } from './browser/load-dataset.ts';
export { type ModelSource, loadModel, modelFile } from './browser/model-files.ts';
export { openDevice, type OpenDeviceOptions } from './browser/open-device.ts';
export { type ImageSource, type ReadImagesOptions, readImages } from './browser/read-images.ts';
