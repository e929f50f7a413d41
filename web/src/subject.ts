/** What is scored: one or more images, and where they are from. Made anew for each model, since models differ in form. */
import {
  type Dataset,
  dataset,
  glyphs,
  loadDataset,
  convertImages,
  readImages,
  UserError,
} from '../../src/browser.ts';
import { isDarkOnLight } from './ink-polarity.ts';
import { DIGIT_SIZE, type Ink, normaliseDigit } from './normalise-digit.ts';
import { whole } from './numbers.ts';
import { pictureOf } from './picture.ts';

export interface Subject {
  readonly images: Dataset;
  /** What each image is, for people. */
  readonly names: readonly string[];
  /** What was done to them, in a sentence, where anything was. */
  readonly note: string;
  /** Whether it is what the visitor drew, which the pad shows as it is. */
  readonly isOnPad?: true;
}

/** Makes the images of the form that a model takes. Throws the signal's reason where it is stopped. */
export type SubjectSource = (shape: readonly number[], signal: AbortSignal) => Promise<Subject>;

/** At most so many images of a file are scored. */
const MOST_IMAGES = 100;

/** A drawing, brought to the form of MNIST's digits; undefined where nothing is drawn. */
export function drawingSubject(ink: Ink): SubjectSource | undefined {
  const digit = normaliseDigit(ink);
  if (!digit) return undefined;
  return async (shape) => ({
    images: await fitted(digits(digit), shape),
    names: ['Your drawing'],
    note: 'Scaled into 20 × 20 pixels and its mass centred in 28 × 28, as MNIST’s digits are.',
    isOnPad: true,
  });
}

/** A random test image of one of the digits. */
export function glyphSubject(labels: readonly number[]): SubjectSource {
  const offset = Math.floor(Math.random() * 1000 * labels.length);
  const set = glyphs({ labels, split: 'test', offset, limit: 1 });
  return async (shape) => ({
    images: await fitted(set, shape),
    names: [`Test image of digit ${set.labels?.[0]}`],
    note: 'Drawn by code, from the test set: the model has not seen it.',
  });
}

/** Pictures, or a file of images with its labels beside it. @throws UserError where both kinds are among them. */
export function filesSubject(files: readonly File[]): SubjectSource {
  const pictures = files.filter(({ type }) => type.startsWith('image/'));
  if (pictures.length === 0) {
    let read: Promise<Subject> | undefined;
    return async (shape) => {
      const subject = await (read ??= dataFileSubject(files));
      return { ...subject, images: sized(subject.images, shape) };
    };
  }
  if (pictures.length < files.length)
    throw new UserError('pictures and other files were given together; give one kind at a time');
  return (shape, signal) => picturesSubject(pictures, shape, signal);
}

async function picturesSubject(
  files: readonly File[],
  shape: readonly number[],
  signal: AbortSignal,
): Promise<Subject> {
  const chosen = files.slice(0, MOST_IMAGES);
  const parts: Dataset[] = [];
  let inverted = 0;
  for (const file of chosen) {
    signal.throwIfAborted();
    let images = await readImages([file], { shape });
    if (shape[2] === 1 && (await isDarkOnLight(file))) {
      images = await readImages([file], { shape, invert: true, background: 255 });
      inverted++;
    }
    parts.push(images);
  }
  const data = new Uint8Array(parts.reduce((sum, { pixels }) => sum + pixels.data.length, 0));
  let at = 0;
  for (const { pixels } of parts) {
    data.set(pixels.data, at);
    at += pixels.data.length;
  }
  const which = inverted === chosen.length ? '' : `${inverted} of ${chosen.length}: `;
  const notes = [
    ...(inverted > 0 ? [`${which}Inverted: dark ink on a light ground, and the model knows light ink.`] : []),
    ...(files.length > chosen.length ? [firstOf(chosen.length, files.length)] : []),
  ];
  return {
    images: dataset({ data, shape: [chosen.length, ...shape], name: 'pictures' }),
    names: chosen.map(({ name }) => name),
    note: notes.join(' '),
  };
}

/** The first images of a file, in the form that they have there. */
async function dataFileSubject(files: readonly File[]): Promise<Subject> {
  let set: Dataset;
  try {
    set = await loadDataset(files);
  } catch (error) {
    if (!(error instanceof UserError) || !/unknown format/.test(error.message)) throw error;
    throw new UserError(`${error.message}; or give pictures (PNG, JPEG, WebP) or a model (.safetensors)`, {
      cause: error,
    });
  }
  const count = Math.min(set.count, MOST_IMAGES);
  const size = set.pixels.data.length / set.count;
  const { pixels, labels } = set;
  const first = dataset({
    data: pixels.data.slice(0, count * size),
    shape: [count, ...set.shape],
    name: set.name,
    ...(labels ? { labels: labels.subarray(0, count) } : {}),
  });
  return {
    images: first,
    names: Array.from(
      { length: count },
      (_, i) => `${set.name}, image ${i}${labels ? `, digit ${labels[i]}` : ''}`,
    ),
    note: count < set.count ? firstOf(count, set.count) : '',
  };
}

function firstOf(count: number, all: number): string {
  return `The first ${count} of ${whole(all)} images.`;
}

/** Images in the height, width and colours of the model, where both are images; else as they are. */
function sized(set: Dataset, shape: readonly number[]): Dataset {
  const [height = 0, width = 0, channels] = shape;
  if (set.shape.length !== 3 || shape.length !== 3 || set.shape.join() === shape.join()) return set;
  return convertImages(set, { gray: channels === 1, size: [height, width] });
}

function digits(data: Uint8Array<ArrayBuffer>): Dataset {
  return dataset({ data, shape: [1, DIGIT_SIZE, DIGIT_SIZE, 1], name: 'drawing' });
}

/** One digit of 28 × 28 grey pixels in the form of the model. @throws UserError where the model is of no images. */
export async function fitted(digit: Dataset, shape: readonly number[]): Promise<Dataset> {
  if (shape.join() === digit.shape.join()) return digit;
  const { width, height, data } = pictureOf(
    Array.from(digit.pixels.data, (byte) => byte / 255),
    digit.shape,
  );
  return readImages([new ImageData(data, width, height)], { shape });
}
