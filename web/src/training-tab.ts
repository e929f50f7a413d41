/** The tab that trains: a small model on drawn digits, its curves and samples as they come, and the model to score with. */
import {
  type Dataset,
  type Device,
  type LambdaSchedule,
  type Model,
  Trainer,
  type TrainingReport,
  mlp,
  modelFile,
} from '../../src/browser.ts';
import { find } from './find.ts';
import type { Messages } from './messages.ts';
import { fixed, whole } from './numbers.ts';
import { drawTiles } from './picture.ts';
import { picturesOf } from './samples-view.ts';
import { createTrainingCurves } from './training-curves.ts';
import { drawTrainingData } from './training-data.ts';

export interface TrainingTabOptions {
  readonly device: Device;
  readonly messages: Messages;
  /** Called when the visitor wants to score with the model. */
  readonly onUseModel: (model: Model, name: string) => void;
}

const NETWORKS = { latent: 8, hidden: [96, 96] } as const;
/** λ = 1, approached from above: [from step, value]. */
const LAMBDA: LambdaSchedule = [
  [0, 2],
  [49, 1.6],
  [99, 1.28],
  [199, 1],
];
const REPORT_EVERY = 5;
const SAMPLES_EVERY = 25;
const SAMPLES = 24;
const COLUMNS = 6;
const DIGITS = 10;
const STOPPED_EARLY = 'Stopped before the first step';

export function createTrainingTab({ device, messages, onUseModel }: TrainingTabOptions): void {
  const curves = createTrainingCurves();
  const status = find('#training-status', HTMLElement);
  /** Writes the status where it matters enough to be spoken. */
  const announce = (text: string): void => {
    status.textContent = text;
    find('#training-announcement', HTMLElement).textContent = text;
  };
  const results = find('#training-results', HTMLDivElement);
  const progress = find('#training-progress', HTMLProgressElement);
  const start = find('#start', HTMLButtonElement);
  const stop = find('#stop', HTMLButtonElement);
  const useButton = find('#use-model', HTMLButtonElement);
  const download = find('#download-model', HTMLButtonElement);
  const digitField = find('#digit', HTMLSelectElement);
  const stepsField = find('#steps', HTMLInputElement);
  const batchField = find('#batch', HTMLInputElement);
  digitField.append(...Array.from({ length: DIGITS }, (_, digit) => new Option(String(digit))));
  digitField.value = '7';
  let stopping: AbortController | undefined;
  let trained: { readonly model: Model; readonly name: string } | undefined;

  const showState = (): void => {
    const [off, on] = stopping ? [start, stop] : [stop, start];
    on.disabled = false;
    if (document.activeElement === off) on.focus();
    off.disabled = true;
    useButton.disabled = trained === undefined;
    download.disabled = trained === undefined;
  };
  const showSamples = async (trainer: Trainer, step: number): Promise<void> => {
    const values = await trainer.sample(SAMPLES, { seed: 1 });
    drawTiles(
      find('#training-samples', HTMLCanvasElement),
      picturesOf(values, trainer.settings.model.sample, SAMPLES),
      COLUMNS,
    );
    find('#training-samples-caption', HTMLParagraphElement).textContent =
      `After ${whole(step)} steps, from the same 24 latents each time.`;
    results.hidden = false;
  };
  const dataOf = (digit: number, signal: AbortSignal): Promise<Dataset> =>
    drawTrainingData(digit, signal, (done) => {
      status.textContent = `Drawing training images: ${Math.round(100 * done)} %`;
    });

  const train = async (signal: AbortSignal): Promise<void> => {
    const digit = Number(digitField.value);
    const steps = stepsField.valueAsNumber;
    const data = await dataOf(digit, signal);
    using trainer = await Trainer.create(device, {
      model: mlp({ sample: data.shape, ...NETWORKS }),
      lambda: LAMBDA,
      batch: batchField.valueAsNumber,
      seed: 1,
    });
    const reports: TrainingReport[] = [];
    let sampledAt = 0;
    announce('Preparing the first step');
    for await (const report of trainer.run(data, { steps, reportEvery: REPORT_EVERY, signal })) {
      reports.push(report);
      curves.draw([...reports]);
      progress.value = report.step / steps;
      status.textContent = `Step ${whole(report.step)} of ${whole(steps)}, ${fixed(report.stepsPerSecond, 1)} steps per second, λ = ${report.lambda}`;
      if (report.step - sampledAt >= SAMPLES_EVERY || reports.length === 1) {
        sampledAt = report.step - (report.step % SAMPLES_EVERY);
        await showSamples(trainer, trainer.steps);
      }
    }
    if (trainer.steps === 0) {
      announce(STOPPED_EARLY);
      return;
    }
    await showSamples(trainer, trainer.steps);
    trained = { model: await trainer.model(), name: `digit-${digit}.safetensors` };
    const rate = reports.at(-1)?.stepsPerSecond ?? 0;
    announce(
      `${trainer.steps < steps ? 'Stopped' : 'Done'} after ${whole(trainer.steps)} steps, ${fixed(rate, 1)} steps per second. The model can be scored with.`,
    );
  };

  find('#training-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    if (stopping) return;
    messages.clear();
    stopping = new AbortController();
    trained = undefined;
    progress.value = 0;
    results.hidden = true;
    showState();
    void train(stopping.signal)
      .catch((error: unknown) => {
        if (error === stopping?.signal.reason) {
          announce(STOPPED_EARLY);
          return;
        }
        announce('Not trained');
        messages.report(error);
      })
      .finally(() => {
        stopping = undefined;
        showState();
      });
  });
  stop.addEventListener('click', () => stopping?.abort());
  useButton.addEventListener('click', () => {
    if (trained) onUseModel(trained.model, trained.name);
  });
  download.addEventListener('click', () => {
    if (trained) save(modelFile(trained.model, trained.name));
  });
}

/** Has the browser save a file. */
function save(file: File): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // the browser reads it after the click
}
