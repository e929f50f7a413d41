/** The page: opens a device, and puts the tabs together over it. */
import { type AdapterDescription, UserError, loadModel, openDevice } from '../../src/browser.ts';
import { find } from './find.ts';
import { createLane } from './lane.ts';
import { createMessages, stopPage } from './messages.ts';
import { createScoringTab } from './scoring-tab.ts';
import { createTabs } from './tabs.ts';
import { createTrainingTab } from './training-tab.ts';

const DEFAULT_MODEL = 'ones.safetensors';

async function start(): Promise<void> {
  const device = await openDevice();
  find('#app', HTMLElement).hidden = false;
  find('#adapter', HTMLSpanElement).textContent = `Adapter: ${adapterName(device.adapter)}.`;
  const messages = createMessages();
  addEventListener('error', ({ error, message }) => messages.report(error ?? message));
  addEventListener('unhandledrejection', ({ reason }) => messages.report(reason));
  const lane = createLane(messages.report);
  void device.lost.then((error) => {
    lane.stop();
    stopPage(error.message, { reload: true });
  });
  const tabs = createTabs();
  const scoring = createScoringTab({
    device,
    lane,
    messages,
    onFiles: () => tabs.open('tab-score'),
    onThroughput: (text) => void (find('#throughput', HTMLSpanElement).textContent = text),
  });
  createTrainingTab({
    device,
    messages,
    onUseModel: (model, name) => {
      tabs.open('tab-score');
      find('#tab-score', HTMLButtonElement).focus();
      scoring.useModel(Promise.resolve(model), name);
    },
  });
  scoring.useModel(loadModel(new URL(DEFAULT_MODEL, document.baseURI)), DEFAULT_MODEL);
}

/** What the browser tells of the adapter, which may be little. */
function adapterName({ vendor, architecture, device, description, kind }: AdapterDescription): string {
  const name = description || [vendor, architecture, device].filter((word) => word !== '').join(' ');
  return `${name || 'not named by the browser'}${kind === 'software' ? ' (software)' : ''}`;
}

start().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  stopPage(message, { reload: !(error instanceof UserError) });
  if (!(error instanceof UserError)) console.error(error);
});
