/** Scores of data sets in the tables that people read. */
import type { Interval } from '../likelihood/interval.ts';
import { type Estimator, readingOf } from '../report/estimators.ts';
import {
  type EstimatorSummary,
  type SetSeparation,
  type SetSummary,
  YARDSTICKS,
} from '../report/score-summary.ts';
import { table } from './output.ts';
import type { Scoring } from './scoring.ts';

/** What was scored and how, and a table for each thing to know about it. */
export function describeScoring({ summaries, separations: told, stated }: Omit<Scoring, 'sets'>): string {
  const estimators = Object.keys(summaries[0]?.estimators ?? {}) as Estimator[];
  const scale =
    stated.pixelScale === null
      ? 'on the scale of the data'
      : `pixels are bytes times ${stated.pixelScale === 1 / 255 ? '1/255' : stated.pixelScale}`;
  const tables = [
    ...estimators.map((estimator) => estimatorTable(estimator, summaries)),
    sweepTable(summaries),
    yardstickTable(summaries),
    typicalityTable(summaries),
    separationTable(told),
  ];
  return [
    `Log-likelihoods in nats under f(y|x) = C exp(−l(y, G(x))/λ): cost ${stated.cost}, λ = ${stated.lambda}, d = ${stated.dimensions}, log C = ${stated.logC.toFixed(2)}, ${scale};`,
    `${stated.latents} prior latents a sample${effortOf(stated)}; the model was trained for ${stated.steps} steps on ${stated.trainedOn}.`,
    ...tables.filter((rows) => rows.length > 1).flatMap((rows) => ['', table(rows)]),
  ].join('\n');
}

/** What adapted estimators took, as in `; laplace (latents: 256)`. */
function effortOf({ adapted = {} }: Scoring['stated']): string {
  return Object.entries(adapted)
    .map(([estimator, effort]) => {
      const counts = Object.entries(effort).map(([what, count]) => `${inWords(what)}: ${count}`);
      return `; ${estimator} (${counts.join(', ')})`;
    })
    .join('');
}

/** `leapfrogSteps` as `leapfrog steps`. */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A header and a row for each line below it; a table with a header alone says nothing. */
type Rows = readonly (readonly (string | number)[])[];

function estimatorTable(estimator: Estimator, summaries: readonly SetSummary[]): Rows {
  const { sign, ess: hasEss, weighted } = readingOf(estimator);
  return [
    [
      'data set',
      'n',
      `mean ${sign}`,
      '± 95 %',
      'q05',
      'median',
      'q95',
      ...(hasEss ? ['mean ESS'] : []),
      ...(weighted ? ['certificate', 'bits/dim', 'tight', 'loose mostly for'] : []),
    ],
    ...summaries.map(({ name, count, estimators: of }) => {
      const { mean, quantiles, ess, bound } = of[estimator] as EstimatorSummary;
      return [
        name,
        count,
        mean.value.toFixed(2),
        halfWidth(mean),
        ...quantiles.map((value) => value.toFixed(2)),
        ...(ess === undefined ? [] : [ess.toFixed(1)]),
        ...(bound
          ? [
              bound.certificate.toFixed(2),
              bound.bitsPerDim.toFixed(3),
              `${bound.tight}/${bound.tight + bound.loose}`,
              bound.cause ?? '–',
            ]
          : []),
      ];
    }),
  ];
}

function sweepTable(summaries: readonly SetSummary[]): Rows {
  return [
    ['data set', 'K', 'mean L_K', '± 95 %', 'mean S_K', '± 95 %', 'mean ESS', 'tight'],
    ...summaries.flatMap(({ name, count, sweep }) =>
      (sweep ?? []).map(({ latents, importance, surrogate, ess, tight }) => [
        name,
        latents,
        importance.value.toFixed(2),
        halfWidth(importance),
        surrogate.value.toFixed(2),
        halfWidth(surrogate),
        ess.toFixed(1),
        `${tight}/${count}`,
      ]),
    ),
  ];
}

function yardstickTable(summaries: readonly SetSummary[]): Rows {
  return [
    ['yardsticks: mean log-likelihood', 'constant image', 'linear generator', 'Parzen'],
    ...summaries
      .filter(({ yardsticks }) => yardsticks)
      .map(({ name, yardsticks }) => [
        name,
        ...YARDSTICKS.map((yardstick) => {
          const mean = yardsticks?.[yardstick];
          return mean ? `${mean.value.toFixed(2)} ± ${halfWidth(mean)}` : '–';
        }),
      ]),
  ];
}

function typicalityTable(summaries: readonly SetSummary[]): Rows {
  const of = summaries[0]?.typicality;
  return [
    [`typical of ${of?.reference} (n = ${of?.referenceCount})?`, 'n', 'mean L_K less its', 'p'],
    ...summaries.flatMap(({ name, count, typicality }) =>
      typicality ? [[name, count, typicality.difference.toFixed(2), typicality.pValue.toFixed(4)]] : [],
    ),
  ];
}

function separationTable(told: readonly SetSeparation[]): Rows {
  return [
    [`${told[0]?.first} against`, 'by', 'AUROC [95 %]', 'AUPR [95 %]', 'FPR95 [95 %]'],
    ...told.map(({ other, estimator, auroc, aupr, fpr95 }) => [
      other,
      readingOf(estimator).sign,
      ...[auroc, aupr, fpr95].map(withEnds),
    ]),
  ];
}

function halfWidth({ low, high }: Interval): string {
  return Number.isFinite(high - low) ? ((high - low) / 2).toFixed(2) : '–';
}

function withEnds({ value, low, high }: Interval): string {
  return `${value.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
}
