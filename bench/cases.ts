/** Every case table of test/cases, by static imports, so that a bundler can follow them; a test compares it with the folder. */
import { cases as activation } from '../test/cases/activation.ts';
import { cases as add } from '../test/cases/add.ts';
import { cases as batchNorm } from '../test/cases/batch-norm.ts';
import { cases as conv2d } from '../test/cases/conv2d.ts';
import { cases as crop } from '../test/cases/crop.ts';
import { cases as entropicObjective } from '../test/cases/entropic-objective.ts';
import { cases as fill } from '../test/cases/fill.ts';
import { cases as gather } from '../test/cases/gather.ts';
import { cases as gaussianProposal } from '../test/cases/gaussian-proposal.ts';
import { cases as gradientPenalty } from '../test/cases/gradient-penalty.ts';
import { cases as hmc } from '../test/cases/hmc.ts';
import { cases as importanceBound } from '../test/cases/importance-bound.ts';
import { cases as interpolate } from '../test/cases/interpolate.ts';
import { cases as logLikelihood } from '../test/cases/log-likelihood.ts';
import { cases as matmul } from '../test/cases/matmul.ts';
import { cases as normaliseRows } from '../test/cases/normalise-rows.ts';
import { cases as observationNoise } from '../test/cases/observation-noise.ts';
import { cases as optimiser } from '../test/cases/optimiser.ts';
import { cases as reduce } from '../test/cases/reduce.ts';
import { cases as rowCost } from '../test/cases/row-cost.ts';
import { cases as rowDot } from '../test/cases/row-dot.ts';
import { cases as threefry } from '../test/cases/threefry.ts';
import { cases as wasserstein } from '../test/cases/wasserstein.ts';
import type { KernelCase } from '../test/support/case.ts';

/** Stem of the file → its cases. */
export const CASE_TABLES: Readonly<Record<string, readonly KernelCase[]>> = {
  activation,
  add,
  'batch-norm': batchNorm,
  conv2d,
  crop,
  'entropic-objective': entropicObjective,
  fill,
  gather,
  'gaussian-proposal': gaussianProposal,
  'gradient-penalty': gradientPenalty,
  hmc,
  'importance-bound': importanceBound,
  interpolate,
  'log-likelihood': logLikelihood,
  matmul,
  'normalise-rows': normaliseRows,
  'observation-noise': observationNoise,
  optimiser,
  reduce,
  'row-dot': rowDot,
  'row-cost': rowCost,
  threefry,
  wasserstein,
};
