/** Scores as CSV: one line per sample, full precision; a cell is empty where the estimator was not asked for or has no value. */
import type { Scores } from '../likelihood/scorer.ts';

export const ESTIMATORS = ['surrogate', 'importance', 'paper-score'] as const;
export type Estimator = (typeof ESTIMATORS)[number];

/** The samples of a data set with their scores. */
export interface ScoredSet {
  /** Shown in tables and in the first column. */
  readonly name: string;
  /** [count] */
  readonly labels?: ArrayLike<number>;
  readonly scores: Scores;
}

type Cell = (scores: Scores, i: number) => number | string | undefined;

interface Column {
  readonly name: string;
  readonly cell: Cell;
}

/** Every column behind `dataset,index,label`, and the estimator that it belongs to; none is of all. */
const COLUMNS: readonly (Column & { readonly of?: Estimator })[] = [
  { name: 'surrogate', of: 'surrogate', cell: (scores, i) => scores.surrogate[i] },
  { name: 'importance', of: 'importance', cell: (scores, i) => scores.importance[i] },
  { name: 'distance', of: 'surrogate', cell: (scores, i) => scores.components.distance[i] },
  { name: 'latent', of: 'surrogate', cell: (scores, i) => scores.components.latent[i] },
  { name: 'coupling_entropy', of: 'surrogate', cell: (scores, i) => scores.components.couplingEntropy[i] },
  { name: 'log_c', cell: (scores) => scores.logC },
  { name: 'ess_surrogate', of: 'surrogate', cell: (scores, i) => scores.essSurrogate[i] },
  { name: 'ess_importance', of: 'importance', cell: (scores, i) => scores.essImportance[i] },
  { name: 'max_weight', of: 'surrogate', cell: (scores, i) => scores.maxWeight[i] },
  { name: 'pareto_k', of: 'importance', cell: (scores, i) => scores.paretoK[i] },
  { name: 'standard_error', of: 'importance', cell: (scores, i) => scores.standardError[i] },
  { name: 'certificate', of: 'importance', cell: (scores, i) => scores.certificate[i] },
  {
    name: 'verdict',
    of: 'importance',
    cell: (scores, i) => (scores.verdict[i]?.tight ? 'tight' : 'loose'),
  },
  { name: 'bits_per_dim', of: 'importance', cell: (scores, i) => scores.bitsPerDim[i] },
  { name: 'paper_score', of: 'paper-score', cell: (scores, i) => scores.paperScore?.[i] },
];

/** The text of the file, with a header line; `more` columns come last. */
export function scoresCsv(
  sets: readonly ScoredSet[],
  estimators: readonly Estimator[],
  more: readonly Column[] = [],
): string {
  const columns: typeof COLUMNS = [...COLUMNS, ...more];
  const lines = [['dataset', 'index', 'label', ...columns.map(({ name }) => name)].join(',')];
  for (const { name, labels, scores } of sets) {
    for (let i = 0; i < scores.importance.length; i++) {
      const cells = columns.map(({ of, cell }) =>
        of === undefined || estimators.includes(of) ? text(cell(scores, i)) : '',
      );
      lines.push([quoted(name), i, labels?.[i] ?? '', ...cells].join(','));
    }
  }
  return `${lines.join('\n')}\n`;
}

function text(value: number | string | undefined): string {
  return typeof value === 'string' ? value : Number.isFinite(value) ? String(value) : '';
}

/** A text with a comma or a quote in it between quotes, as RFC 4180 has it. */
function quoted(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
