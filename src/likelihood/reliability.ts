/** How far an importance-weighted estimate is to be trusted: a certified lower bound, and a verdict in words. */

/** Share of cases in which a certificate may fail, δ. */
export const CERTIFICATE_DELTA = 0.05;

/**
 * L_K − log(1/δ): at most log f(y) with probability 1 − δ over the latents, by Markov's inequality, since exp L_K is
 * unbiased for f(y). Of the mean L_K of a data set it bounds the mean log f(y) in the same way.
 */
export function certificate(importance: number): number {
  return importance + Math.log(CERTIFICATE_DELTA);
}

export interface Verdict {
  /** Whether the estimate is likely to be near log f(y), and not merely below it. */
  readonly tight: boolean;
  /** What makes it loose, alike for all samples of which it does, as in `ESS below 10`; none where it is tight. */
  readonly causes: readonly string[];
  /** The figures that say so. */
  readonly reason: string;
}

/** Below this the estimate hangs on a handful of latents: L_K is low by about 1/(2 ESS), with a standard error of 1/√ESS. */
const LEAST_ESS = 10;
/** Above this the mean of the weights does not settle at any practical K (Vehtari et al. 2024). */
const MOST_PARETO_K = 0.7;

/** The verdict on an estimate with this effective sample size, and k̂ where there is one (else NaN). */
export function verdictOf(ess: number, paretoK: number): Verdict {
  const figures = [
    { name: 'ESS', value: ess.toPrecision(3), fault: ess >= LEAST_ESS ? '' : ` below ${LEAST_ESS}` },
    ...(Number.isNaN(paretoK)
      ? []
      : [
          {
            name: 'k̂',
            value: paretoK.toPrecision(2),
            fault: paretoK > MOST_PARETO_K ? ` above ${MOST_PARETO_K}` : '',
          },
        ]),
  ];
  const faults = figures.filter(({ fault }) => fault !== '');
  return {
    tight: faults.length === 0,
    causes: faults.map(({ name, fault }) => name + fault),
    reason: (faults.length > 0 ? faults : figures)
      .map(({ name, value, fault }) => `${name} ${value}${fault}`)
      .join('; '),
  };
}
