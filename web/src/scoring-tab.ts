/** The tab that scores: a model, an image, K, and everything that is shown of them. */
import {
  type Device,
  type Model,
  type Scores,
  Scorer,
  UserError,
  loadModel,
  rows,
} from '../../src/browser.ts';
import { createComponentsView } from './components-view.ts';
import { createPad } from './drawing.ts';
import { createFilesInput } from './files-input.ts';
import { find } from './find.ts';
import { createHistogramView } from './histogram-view.ts';
import { createImageStrip } from './image-strip.ts';
import type { Lane } from './lane.ts';
import { createLatentsControl } from './latents-control.ts';
import type { Messages } from './messages.ts';
import { digitsText, modelDigits } from './model-digits.ts';
import { SEARCHED, showNearest } from './nearest-samples.ts';
import { compact, whole } from './numbers.ts';
import { drawPicture, pictureOf } from './picture.ts';
import { scoreReferences } from './reference-histogram.ts';
import { createResultView } from './result-view.ts';
import { createSamplesView } from './samples-view.ts';
import { type Subject, type SubjectSource, drawingSubject, filesSubject, glyphSubject } from './subject.ts';

export interface ScoringTab {
  /** Scores with this model from when it is there, unless one that was given later was there before. */
  readonly useModel: (coming: Promise<Model>, name: string) => void;
}

export interface ScoringTabOptions {
  readonly device: Device;
  readonly lane: Lane;
  readonly messages: Messages;
  /** Called when files come in, whatever tab is open. */
  readonly onFiles: () => void;
  readonly onThroughput: (text: string) => void;
}

const DEFAULT_LATENTS = 2048;
const NO_MODEL = 'No model yet: choose or drop a .safetensors file, or train one.';

export function createScoringTab({
  device,
  lane,
  messages,
  onFiles,
  onThroughput,
}: ScoringTabOptions): ScoringTab {
  const result = createResultView();
  const components = createComponentsView();
  const histogram = createHistogramView();
  const strip = createImageStrip((index) => showImage(index));
  const samples = createSamplesView(lane, () => scorer);
  /** The one scorer of the page; whoever puts another in its place disposes of it. */
  let scorer: Scorer | undefined;
  let latents = DEFAULT_LATENTS;
  /** How many models were given, and which of them was the last to be there; 0 while none was. */
  let given = 0;
  let newest = 0;
  let source: SubjectSource | undefined;
  let shown: { readonly subject: Subject; readonly scores: Scores; readonly index: number } | undefined;
  /** Samples of the model that the nearest ones are looked for in. */
  let searched: Float32Array | undefined;

  const pad = createPad((ink) => {
    const drawing = drawingSubject(ink);
    messages.clear();
    if (drawing) score(drawing);
  });

  const shape = (): readonly number[] => scorer?.model.configuration.settings.model.sample ?? [];

  /** Puts a new scorer in the place of the last one. */
  const replaceScorer = async (model: Model, count: number): Promise<Scorer> => {
    const created = await Scorer.create(device, model, { latents: count });
    scorer?.dispose();
    scorer = created;
    latents = count;
    return created;
  };
  /** Puts the scorer of a new model there: with the K of the field, or the last one that could be used where that cannot. */
  const scorerOf = async (model: Model): Promise<Scorer> => {
    const asked = control.latents();
    if (asked !== latents) {
      try {
        const created = await replaceScorer(model, asked);
        control.setValid(true);
        return created;
      } catch (error) {
        control.setValid(false);
        messages.report(error);
      }
    }
    return replaceScorer(model, latents);
  };
  const compareAnew = (current: Scorer): void =>
    scoreReferences(lane, current, (found) => histogram.showReferences(found));

  const showImage = (index: number): void => {
    if (!shown) return;
    shown = { ...shown, index };
    const { subject, scores } = shown;
    const image = rows(subject.images, index, 1);
    showPicture(subject, index);
    if (subject.images.count > 1) strip.choose(index);
    result.show(scores, index, subject.names[index] ?? '');
    components.show(scores, index);
    histogram.mark(scores.importance[index]);
    showNearest(searched, image, shape());
  };
  const showPicture = (subject: Subject, index: number): void => {
    const picture = pictureOf(rows(subject.images, index, 1), subject.images.shape);
    drawPicture(find('#scored', HTMLCanvasElement), picture);
    find('#source', HTMLParagraphElement).textContent = subject.names[index] ?? '';
    find('#source-note', HTMLParagraphElement).textContent = subject.note;
    if (!subject.isOnPad) pad.show(picture);
  };

  /** Scores images in place of those being scored. */
  const score = (from: SubjectSource): void => {
    const before = source;
    source = from;
    lane.put('score', async (signal) => {
      if (!scorer) return;
      try {
        result.progress(0);
        const subject = await from(shape(), signal);
        signal.throwIfAborted();
        const { count } = subject.images;
        const started = performance.now();
        const scores = await scorer.score(subject.images, { signal, onProgress: result.progress });
        const seconds = (performance.now() - started) / 1000;
        onThroughput(
          `${compact((count * scores.latents) / seconds)} images × latents per second in the last scoring.`,
        );
        if (count > 1) strip.show(subject, scores);
        else strip.hide();
        shown = { subject, scores, index: 0 };
        showImage(0);
      } catch (error) {
        if (!signal.aborted && source === from) source = before; // what cannot be read is not tried again
        throw error;
      } finally {
        result.progress(undefined);
      }
    });
  };
  /** Takes away what is shown of the last scoring. */
  const clearResult = (): void => {
    shown = undefined;
    strip.hide();
    result.clear();
    components.clear();
    histogram.mark(undefined);
    showNearest(undefined, undefined, shape());
  };
  const forget = (): void => {
    messages.clear();
    source = undefined;
    lane.drop('score');
    pad.clear();
    clearResult();
    const canvas = find('#scored', HTMLCanvasElement);
    canvas.getContext('2d')?.clearRect(0, 0, canvas.width, canvas.height);
    find('#source', HTMLParagraphElement).textContent = 'No image yet';
    find('#source-note', HTMLParagraphElement).textContent = '';
  };

  const takeModel = (model: Model, name: string): void =>
    lane.put('model', async () => {
      const current = await scorerOf(model);
      searched = undefined;
      clearResult();
      find('#model-line', HTMLParagraphElement).textContent = describeModel(model, name, current.lambda);
      offerDigits(model);
      samples.showModel();
      lane.put('nearest', async () => {
        if (!scorer) return;
        searched = await scorer.sample(SEARCHED, { seed: 1 });
        if (shown) showNearest(searched, rows(shown.subject.images, shown.index, 1), shape());
      });
      compareAnew(current);
      score(source ?? glyphSubject(ownDigits(model)));
    });

  const useModel = (coming: Promise<Model>, name: string): void => {
    const turn = ++given;
    const take = (model: Model): void => {
      if (turn < newest) return;
      newest = turn;
      takeModel(model, name);
    };
    coming.then(take).catch((error: unknown) => {
      if (newest === 0) find('#model-line', HTMLParagraphElement).textContent = NO_MODEL;
      messages.report(error);
    });
  };

  const control = createLatentsControl((count) => {
    messages.clear();
    lane.put('latents', async () => {
      if (!scorer) return;
      if (count === latents) return control.setValid(true);
      try {
        const current = await replaceScorer(scorer.model, count);
        control.setValid(true);
        if (source) score(source);
        compareAnew(current);
      } catch (error) {
        control.setValid(false);
        throw error;
      }
    });
  });

  find('#clear', HTMLButtonElement).addEventListener('click', forget);
  find('#random-own', HTMLButtonElement).addEventListener('click', () => {
    messages.clear();
    if (scorer) score(glyphSubject(ownDigits(scorer.model)));
  });
  find('#random-other', HTMLButtonElement).addEventListener('click', () => {
    messages.clear();
    if (scorer) score(glyphSubject(modelDigits(scorer.model).others));
  });
  createFilesInput((files) => {
    messages.clear();
    onFiles();
    try {
      takeFiles(files);
    } catch (error) {
      messages.report(error);
    }
  });
  const takeFiles = (files: readonly File[]): void => {
    const models = files.filter(({ name }) => name.endsWith('.safetensors'));
    const [file] = models;
    if (!file) score(filesSubject(files));
    else if (files.length > 1)
      throw new UserError(`${files.length} files with a model among them; give the model alone`);
    else useModel(loadModel(file), file.name);
  };
  forget();
  return { useModel };
}

/** The digits that stand for the model's own: 1 where its data do not say. */
function ownDigits(model: Model): readonly number[] {
  const { own } = modelDigits(model);
  return own.length > 0 ? own : [1];
}

function offerDigits(model: Model): void {
  find('#random-own', HTMLButtonElement).textContent = `Random test ${digitsText(ownDigits(model))}`;
  find('#random-other', HTMLButtonElement).disabled = modelDigits(model).others.length === 0;
}

function describeModel({ configuration }: Model, name: string, lambda: number): string {
  const { settings, data, steps } = configuration;
  const { sample, latent } = settings.model;
  return `Model: ${name}, trained for ${whole(steps)} steps on ${data || 'unnamed data'}; images ${sample.join(' × ')}, ${latent} latents, cost ${settings.cost}, λ = ${lambda}.`;
}
