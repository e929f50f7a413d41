/** The numbers of one image: L_K with its interval, the verdict, and what helps to read them. */
import type { Scores } from '../../src/browser.ts';
import { find } from './find.ts';
import { fixed, whole } from './numbers.ts';

export interface ResultView {
  readonly show: (scores: Scores, index: number, name: string) => void;
  readonly clear: () => void;
  /** Share of a scoring that is done; undefined once none is under way. */
  readonly progress: (done: number | undefined) => void;
}

/** Half the width of a normal 95 % interval, in standard errors. */
const NORMAL_95 = 1.96;

export function createResultView(): ResultView {
  const text = (id: string): HTMLElement => find(`#${id}`, HTMLElement);
  const chip = text('verdict');
  const bar = find('#scoring-progress', HTMLProgressElement);
  const write = (texts: Readonly<Record<string, string>>): void => {
    for (const [id, content] of Object.entries(texts)) text(id).textContent = content;
  };
  return {
    progress: (done) => {
      bar.hidden = done === undefined;
      bar.value = done ?? 0;
    },
    clear: () => {
      chip.className = 'chip';
      write({
        importance: '—',
        interval: '',
        verdict: 'no image',
        reason: '',
        'verdict-note': '',
        certificate: '—',
        ess: '—',
        bits: '—',
        announcement: '',
        'short-result': '',
      });
    },
    show: (scores, index, name) => {
      const at = (values: ArrayLike<number>): number => values[index] as number;
      const half = NORMAL_95 * at(scores.standardError);
      const verdict = scores.verdict[index];
      const word = verdict?.tight ? 'tight' : 'loose';
      const ess = sizeText(at(scores.essImportance));
      const hasInterval = Number.isFinite(half);
      const figures = `ESS ${ess}, k̂ ${fixed(at(scores.paretoK))}`;
      chip.className = `chip ${word}`;
      write({
        importance: fixed(at(scores.importance)),
        interval: hasInterval
          ? `± ${fixed(half)} (95 % interval, from the randomness of the latents)`
          : 'no interval: it takes 4 latents or more',
        verdict: word,
        reason: verdict?.tight ? figures : (verdict?.reason ?? ''),
        'verdict-note': verdict?.tight
          ? 'Likely near the true log-density, not merely below it.'
          : 'Still a lower bound in expectation, but the truth may lie far above it, and the interval too narrow. More latents help.',
        certificate: `${fixed(at(scores.certificate))} nats`,
        ess: `${ess} of ${whole(scores.latents)}`,
        bits: fixed(at(scores.bitsPerDim), 3),
        'short-result': `${fixed(at(scores.importance))} nats, ${word}`,
        announcement: `${name}: log-likelihood ${fixed(at(scores.importance))} nats, ${hasInterval ? `plus or minus ${fixed(half)}, ` : ''}${word}: ${verdict?.tight ? figures : verdict?.reason}.`,
      });
    },
  };
}

/** An effective sample size, with decimals only where it is small. */
function sizeText(ess: number): string {
  return ess < 10 ? fixed(ess, 1) : whole(Math.round(ess));
}
