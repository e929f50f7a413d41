/** Scores as CSV: one line per sample, full precision; a cell is empty where the estimator was not asked for or has no value. */
import { ADAPTED_ESTIMATORS, type AdaptedEstimator, type Estimator, type ScoredSet } from './estimators.ts';

export interface Column {
  readonly name: string;
  /** What it says of sample i. */
  readonly cell: (set: ScoredSet, i: number) => number | string | undefined;
}

/** Every column behind `dataset,index,label` whatever was asked for, and the estimator that it belongs to; none is of all. */
const COLUMNS: readonly (Column & { readonly of?: Estimator })[] = [
  { name: 'surrogate', of: 'surrogate', cell: ({ scores }, i) => scores.surrogate[i] },
  { name: 'importance', of: 'importance', cell: ({ scores }, i) => scores.importance[i] },
  { name: 'distance', of: 'surrogate', cell: ({ scores }, i) => scores.components.distance[i] },
  { name: 'latent', of: 'surrogate', cell: ({ scores }, i) => scores.components.latent[i] },
  {
    name: 'coupling_entropy',
    of: 'surrogate',
    cell: ({ scores }, i) => scores.components.couplingEntropy[i],
  },
  { name: 'log_c', cell: ({ scores }) => scores.logC },
  { name: 'ess_surrogate', of: 'surrogate', cell: ({ scores }, i) => scores.essSurrogate[i] },
  { name: 'ess_importance', of: 'importance', cell: ({ scores }, i) => scores.essImportance[i] },
  { name: 'max_weight', of: 'surrogate', cell: ({ scores }, i) => scores.maxWeight[i] },
  { name: 'pareto_k', of: 'importance', cell: ({ scores }, i) => scores.paretoK[i] },
  { name: 'standard_error', of: 'importance', cell: ({ scores }, i) => scores.standardError[i] },
  { name: 'certificate', of: 'importance', cell: ({ scores }, i) => scores.certificate[i] },
  { name: 'verdict', of: 'importance', cell: ({ scores }, i) => wordOf(scores.verdict[i]) },
  { name: 'bits_per_dim', of: 'importance', cell: ({ scores }, i) => scores.bitsPerDim[i] },
  { name: 'paper_score', of: 'paper-score', cell: ({ scores }, i) => scores.paperScore?.[i] },
];

/** Behind those of the estimators. */
const REASON: (typeof COLUMNS)[number] = {
  name: 'reason',
  of: 'importance',
  cell: ({ scores }, i) => scores.verdict[i]?.reason,
};

/** What an adapted estimator says of a sample, which may be one of those that it left out. */
function adaptedColumns(estimator: AdaptedEstimator): Column[] {
  return [
    { name: estimator, cell: ({ adapted }, i) => adapted?.[estimator]?.importance[i] },
    {
      name: `${estimator}_standard_error`,
      cell: ({ adapted }, i) => adapted?.[estimator]?.standardError[i],
    },
    { name: `${estimator}_ess`, cell: ({ adapted }, i) => adapted?.[estimator]?.essImportance[i] },
    { name: `${estimator}_pareto_k`, cell: ({ adapted }, i) => adapted?.[estimator]?.paretoK[i] },
    { name: `${estimator}_verdict`, cell: ({ adapted }, i) => wordOf(adapted?.[estimator]?.verdict[i]) },
  ];
}

function wordOf(verdict: { readonly tight: boolean } | undefined): string | undefined {
  return verdict && (verdict.tight ? 'tight' : 'loose');
}

/**
 * The text of the file, with a header line. The columns of an adapted estimator are there where it is asked for; `more`
 * columns come last.
 */
export function scoresCsv(
  sets: readonly ScoredSet[],
  estimators: readonly Estimator[],
  more: readonly Column[] = [],
): string {
  const columns: typeof COLUMNS = [
    ...COLUMNS,
    ...ADAPTED_ESTIMATORS.filter((estimator) => estimators.includes(estimator)).flatMap(adaptedColumns),
    REASON,
    ...more,
  ];
  const lines = [['dataset', 'index', 'label', ...columns.map(({ name }) => name)].join(',')];
  for (const set of sets) {
    const { name, labels, scores } = set;
    for (let i = 0; i < scores.importance.length; i++) {
      const cells = columns.map(({ of, cell }) =>
        of === undefined || estimators.includes(of) ? text(cell(set, i)) : '',
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
