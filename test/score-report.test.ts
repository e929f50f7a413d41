/** Reports of scores: summaries, CSV and tables, from scores made up on the host. */
import { describe, expect, it } from 'vitest';
import { describeScoring } from '../src/cli/score-tables.ts';
import type { Stated } from '../src/cli/scoring.ts';
import { meanInterval } from '../src/likelihood/interval.ts';
import { certificate, verdictOf } from '../src/likelihood/reliability.ts';
import type { Scores } from '../src/likelihood/scorer.ts';
import { typicality } from '../src/likelihood/typicality.ts';
import {
  ADAPTED_ESTIMATORS,
  type Estimator,
  type ScoredSet,
  type WeightedScores,
} from '../src/report/estimators.ts';
import { separations, summarise } from '../src/report/score-summary.ts';
import { scoresCsv } from '../src/report/scores-csv.ts';

const D = 12;
const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** Scores of images with these L_K, effective sample sizes and k̂; S_K is 1 below. */
function scoresOf(
  importance: readonly number[],
  { ess, k, latents = 50 }: { ess: readonly number[]; k: readonly number[]; latents?: number },
): Scores {
  const of = (value: (i: number) => number): Float64Array =>
    Float64Array.from(importance, (_, i) => value(i));
  const surrogate = of((i) => importance[i]! - 1);
  const shifted = (values: Float64Array, by: number): Float64Array[] =>
    [by, -by].map((shift) => values.map((x) => x + shift));
  return {
    logC: -3,
    importance: Float64Array.from(importance),
    surrogate,
    components: {
      distance: of((i) => surrogate[i]! + 1),
      latent: of(() => 0.5),
      couplingEntropy: of(() => 1.5),
    },
    essImportance: Float64Array.from(ess),
    essSurrogate: of((i) => ess[i]! / 2),
    maxWeight: of((i) => 1 / ess[i]!),
    maxWeightImportance: of((i) => 1 / ess[i]!),
    paperScore: of((i) => importance[i]! / 10),
    nearestCost: of(() => 1),
    bitsPerDim: of((i) => -importance[i]! / (D * Math.LN2) + Math.log2(255)),
    paretoK: Float64Array.from(k),
    standardError: of(() => 0.2),
    certificate: of((i) => certificate(importance[i]!)),
    verdict: ess.map((size, i) => verdictOf(size, k[i]!)),
    importanceWithoutBank: shifted(Float64Array.from(importance), 0.3),
    surrogateWithoutBank: shifted(surrogate, 0.7),
    proposal: 'prior',
    latents,
    lambda: 0.5,
    cost: 'half-squared',
    dimensions: D,
  };
}

/** Four images: one tight, two with too few effective samples, one of them and another with a heavy tail. */
const four = scoresOf([-10, -12, -11, -19], { ess: [40, 5, 2, 30], k: [0.1, 0.2, 0.9, 0.8] });
const other = scoresOf([-30, -31, -35], { ess: [20, 20, 20], k: [0.1, Number.NaN, 0.3] });
/** The same images by an adapted proposal, 2 nats above, all tight. */
const adapted: WeightedScores = scoresOf([-8, -10, -9, -17], {
  ess: [90, 91, 92, 93],
  k: [0.1, 0.2, 0.3, 0.4],
});
const set: ScoredSet = { name: 'a?x=1,2', labels: [7, 7, 8, 8], scores: four };
const stated: Stated = {
  cost: 'half-squared',
  lambda: 0.5,
  logC: -3,
  dimensions: D,
  latents: 50,
  pixelScale: 1 / 255,
  trainedOn: 'b',
  steps: 10,
};

describe('summarise', () => {
  it('bounds the mean, counts verdicts and names the commonest cause', () => {
    const { estimators } = summarise(set, ['importance', 'surrogate', 'paper-score']);
    const { importance, surrogate, 'paper-score': paper } = estimators;
    expect(importance?.bound).toEqual({
      certificate: -13 - Math.log(20),
      bitsPerDim: expect.closeTo(13 / (D * Math.LN2) + Math.log2(255), 10) as number,
      tight: 1,
      loose: 3,
      cause: 'ESS below 10',
    });
    expect(importance?.ess).toBeCloseTo(77 / 4, 12);
    expect(surrogate?.ess).toBeCloseTo(77 / 8, 12);
    expect([surrogate?.bound, paper?.bound, paper?.ess]).toEqual([undefined, undefined, undefined]);
    expect(
      summarise({ name: 'b', scores: other }, ['importance']).estimators.importance?.bound,
    ).toMatchObject({ tight: 3, loose: 0, cause: null });
  });

  it('has the variance between banks in the intervals of both means', () => {
    const { estimators } = summarise(set, ['importance', 'surrogate', 'paper-score']);
    expect(estimators.importance?.mean).toEqual(meanInterval(four.importance, four.importanceWithoutBank));
    expect(estimators.surrogate?.mean).toEqual(meanInterval(four.surrogate, four.surrogateWithoutBank));
    const half = (estimator: Estimator): number =>
      estimators[estimator]!.mean.high - estimators[estimator]!.mean.value;
    // The banks differ by ±0.3 and ±0.7, of which the jackknife variances are 0.09 and 0.49.
    expect(half('surrogate') ** 2 - half('importance') ** 2).toBeCloseTo(1.959964 ** 2 * 0.4, 5);
    expect(estimators['paper-score']?.mean).toEqual(meanInterval(four.paperScore!));
  });

  it('takes an adapted estimator as it does L_K', () => {
    for (const estimator of ADAPTED_ESTIMATORS) {
      const { estimators } = summarise({ ...set, adapted: { [estimator]: adapted } }, [estimator]);
      expect(estimators[estimator]).toMatchObject({
        mean: meanInterval(adapted.importance), // each image has latents of its own
        ess: 91.5,
        bound: { certificate: -11 - Math.log(20), tight: 4, loose: 0, cause: null },
      });
      const bits = 11 / (D * Math.LN2) + Math.log2(255);
      expect(estimators[estimator]?.bound?.bitsPerDim).toBeCloseTo(bits, 10);
    }
    expect(() => summarise(set, ['laplace'])).toThrow('a?x=1,2 was not scored by laplace');
  });

  it('follows the means over K', () => {
    const ess = [4, 5, 6, 7];
    const k = [0, 0, 0, 0];
    const fewer = scoresOf([-20, -22, -21, -29], { ess, k, latents: 5 });
    expect(summarise(set, [])).not.toHaveProperty('sweep');
    expect(summarise({ ...set, sweep: [fewer, four] }, []).sweep).toEqual([
      {
        latents: 5,
        importance: meanInterval(fewer.importance, fewer.importanceWithoutBank),
        surrogate: meanInterval(fewer.surrogate, fewer.surrogateWithoutBank),
        ess: 5.5,
        tight: 0,
      },
      expect.objectContaining({ latents: 50, ess: 19.25, tight: 1 }) as object,
    ]);
  });

  it('tests the set as a batch against a reference', () => {
    const reference = { name: 'r', scores: other };
    const { typicality: tested } = summarise(set, [], { reference });
    expect(tested).toEqual({
      reference: 'r',
      referenceCount: 3,
      ...typicality(four.importance, other.importance),
    });
    expect(tested?.difference).toBeCloseTo(mean(four.importance) - mean(other.importance), 12);
  });
});

it('separations are by every estimator, adapted ones among them', () => {
  const sets = [
    { ...set, adapted: { laplace: adapted } },
    { name: 'b', scores: other, adapted: { laplace: other } },
  ] as const;
  const told = separations([sets[0], sets[1]], ['importance', 'laplace']);
  expect(told.map(({ first, other: second, estimator }) => [first, second, estimator])).toEqual([
    ['a?x=1,2', 'b', 'importance'],
    ['a?x=1,2', 'b', 'laplace'],
  ]);
  expect(told.map(({ auroc }) => auroc.value)).toEqual([1, 1]);
});

describe('scoresCsv', () => {
  const rowsOf = (text: string): Record<string, string>[] => {
    const [header = '', ...lines] = text.trimEnd().split('\n');
    const names = header.split(',');
    return lines.map((line) => {
      const cells = line.replace('"a?x=1,2"', 'a').split(',');
      expect(cells).toHaveLength(names.length);
      return Object.fromEntries(names.map((name, i) => [name, cells[i]!]));
    });
  };
  const FIRST =
    'dataset,index,label,surrogate,importance,distance,latent,coupling_entropy,log_c,ess_surrogate,ess_importance,max_weight,pareto_k,standard_error,certificate,verdict,bits_per_dim,paper_score';

  it('has the documented columns, then the reason', () => {
    const text = scoresCsv([set, { name: 'b', scores: other }], ['surrogate', 'importance']);
    expect(text.split('\n')[0]).toBe(`${FIRST},reason`);
    const rows = rowsOf(text);
    expect(rows).toHaveLength(7);
    expect(rows[2]).toMatchObject({
      dataset: 'a',
      index: '2',
      label: '8',
      importance: '-11',
      verdict: 'loose',
      reason: 'ESS 2.00 below 10; k̂ 0.90 above 0.7',
      paper_score: '',
    });
    expect(rows[5]).toMatchObject({
      dataset: 'b',
      label: '',
      pareto_k: '',
      verdict: 'tight',
      reason: 'ESS 20.0',
    });
  });

  it('has five columns of each adapted estimator that was asked for, in their order', () => {
    // One that scored the first three images only.
    const few = {
      ...adapted,
      importance: adapted.importance.slice(0, 3),
      verdict: adapted.verdict.slice(0, 3),
    };
    const sets = [{ ...set, adapted: { ais: few, laplace: adapted } }];
    const text = scoresCsv(sets, ['ais', 'laplace']);
    const columns = (name: string): string =>
      ['', '_standard_error', '_ess', '_pareto_k', '_verdict'].map((end) => name + end).join(',');
    expect(text.split('\n')[0]).toBe(`${FIRST},${columns('laplace')},${columns('ais')},reason`);
    const rows = rowsOf(text);
    expect(rows[0]).toMatchObject({
      importance: '',
      reason: '',
      laplace: '-8',
      laplace_standard_error: '0.2',
      laplace_ess: '90',
      laplace_pareto_k: '0.1',
      laplace_verdict: 'tight',
      ais: '-8',
    });
    expect(rows[3]).toMatchObject({ laplace: '-17', ais: '', ais_verdict: '' });
  });

  it('puts more columns last', () => {
    const text = scoresCsv([set], [], [{ name: 'twice', cell: (_, i) => 2 * i }]);
    expect(rowsOf(text).map(({ twice }) => twice)).toEqual(['0', '2', '4', '6']);
    expect(text.split('\n')[0]).toBe(`${FIRST},reason,twice`);
  });
});

describe('the tables', () => {
  const lineOf = (text: string, start: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith(start))
      .map((line) => line.replaceAll(/ {2,}/g, ' | '));

  it('say of each set the mean with its interval, the certificate, bits, and how many are tight or why not', () => {
    const estimators = ['importance', 'surrogate'] as const;
    const summaries = [summarise(set, estimators), summarise({ name: 'b', scores: other }, estimators)];
    const text = describeScoring({ summaries, separations: [], stated });
    expect(text).toContain('d = 12, log C = -3.00, pixels are bytes times 1/255');
    expect(lineOf(text, 'data set')).toEqual([
      'data set | n | mean L_K | ± 95 % | q05 | median | q95 | mean ESS | certificate | bits/dim | tight | loose mostly for',
      'data set | n | mean S_K | ± 95 % | q05 | median | q95 | mean ESS',
    ]);
    const half = (mean: { low: number; high: number }): string => ((mean.high - mean.low) / 2).toFixed(2);
    expect(lineOf(text, 'a?x=1,2')[0]).toBe(
      `a?x=1,2 | 4 | -13.00 | ${half(summaries[0]!.estimators.importance!.mean)} | -17.95 | -11.50 | -10.15 | 19.3 | -16.00 | 9.557 | 1/4 | ESS below 10`,
    );
    expect(lineOf(text, 'b ')[0]).toMatch(/ \| 3\/3 \| –$/);
    expect(text).not.toMatch(/yardsticks|typical|against|\bK\b +mean/);
  });

  it('show the sweep, the typicality and the adapted estimators where there are any', () => {
    const scored = { ...set, sweep: [four, four], adapted: { encoder: adapted } };
    const summaries = [summarise(scored, ['encoder'], { reference: { name: 'r', scores: other } })];
    const efforts = { encoder: { latents: 64 }, ais: { chains: 16, leapfrogSteps: 1 } };
    const text = describeScoring({ summaries, separations: [], stated: { ...stated, adapted: efforts } });
    expect(text).toContain(
      '50 prior latents a sample; encoder (latents: 64); ais (chains: 16, leapfrog steps: 1); the model',
    );
    expect(text).toContain('mean L_K (encoder)');
    expect(lineOf(text, 'data set')[1]).toBe(
      'data set | K | mean L_K | ± 95 % | mean S_K | ± 95 % | mean ESS | tight',
    );
    expect(lineOf(text, 'typical of r (n = 3)?')[0]).toBe(
      'typical of r (n = 3)? | n | mean L_K less its | p',
    );
    expect(lineOf(text, 'a?x=1,2').at(-1)).toMatch(/^a\?x=1,2 \| 4 \| 19\.00 \| 0\.\d{4}$/);
  });
});
