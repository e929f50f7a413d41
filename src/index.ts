/** The public API of the environment-free core: re-exports only. */
export { Device, type AdapterDescription, type DeviceCounters } from './gpu/device.ts';
export { UserError } from './gpu/errors.ts';
export type { AnnealingEstimates } from './likelihood/anneal-estimates.ts';
export { type AnnealingOptions, type AnnealingScores, anneal } from './likelihood/annealing.ts';
export { type BaselineOptions, type Baselines, baselines } from './likelihood/baselines.ts';
export {
  type BidirectionalOptions,
  type BidirectionalScores,
  bidirectional,
} from './likelihood/bidirectional.ts';
export { bitsPerDimension } from './likelihood/bits-per-dimension.ts';
export type { BootstrapOptions } from './likelihood/bootstrap.ts';
export type { ImportanceEstimates, LikelihoodEstimates } from './likelihood/finish.ts';
export { type EncoderOptions, type EncoderReport, trainEncoder } from './likelihood/encoder-training.ts';
export { encodeProposals } from './likelihood/encoder.ts';
export type { Images } from './likelihood/images.ts';
export { type Interval, type OwnMeanOptions, meanInterval, ownMeanInterval } from './likelihood/interval.ts';
export { type LatentSweepOptions, latentSweep } from './likelihood/latent-sweep.ts';
export {
  type LinearGaussian,
  expectedLogLikelihood,
  logDensities,
  modelCovariance,
  optimalLinearGenerator,
} from './likelihood/linear-gaussian.ts';
export {
  type FloatArray,
  type ImportanceInputs,
  type LikelihoodInputs,
  logLikelihood,
} from './likelihood/log-likelihood.ts';
export { logNormaliser } from './likelihood/log-normaliser.ts';
export type { Moments } from './likelihood/moments.ts';
export { paretoK } from './likelihood/pareto.ts';
export { CERTIFICATE_DELTA, type Verdict, certificate } from './likelihood/reliability.ts';
export {
  type EstimateTightness,
  type Tightness,
  type TightnessOptions,
  tightness,
} from './likelihood/tightness.ts';
export { type ScoreOptions, Scorer, type ScorerOptions, type Scores } from './likelihood/scorer.ts';
export {
  type Separation,
  type SeparationOptions,
  auroc,
  averagePrecision,
  fpr95,
  separation,
} from './likelihood/separation.ts';
export { type Typicality, typicality } from './likelihood/typicality.ts';
export { proposalWidth } from './ops/gaussian-proposal.ts';
export type { LikelihoodCost } from './ops/log-likelihood.ts';
export {
  type EntropicObjective,
  type EntropicObjectiveInputs,
  entropicObjective,
} from './gan/entropic-objective.ts';
export { type MatmulSettings, matmul } from './nn/matmul.ts';
export type { FloatMatrix } from './nn/matrix.ts';
export type { ObjectiveCost, ObjectiveForm } from './ops/entropic-objective.ts';
export { type Dataset, type DatasetOptions, type Selection, dataset, rows, select } from './data/dataset.ts';
export { type GaussianData, type GaussianOptions, gaussianData } from './data/gaussian.ts';
export { type GlyphOptions, glyphs } from './data/glyphs.ts';
export { type ImageConversion, convertImages } from './data/image-conversion.ts';
export type { Checkpoint } from './gan/checkpoint.ts';
export type { HiddenLayers } from './gan/encoder.ts';
export type { Encoder, EncoderTraining, Model, ModelConfiguration, Weights } from './gan/model.ts';
export type {
  Cost,
  Form,
  GeneratorLoss,
  LambdaSchedule,
  Objective,
  TrainerOptions,
  TrainerSettings,
} from './gan/settings.ts';
export { PRESETS, type Preset, type PresetName, preset, presetOptions } from './gan/presets.ts';
export { type RunOptions, Trainer, type TrainerExtras, type TrainingReport } from './gan/trainer.ts';
export type { TuningReport } from './gan/tuned-variants.ts';
export type { VariantStore, Variants } from './gan/variant-store.ts';
export type { KernelProfile } from './gpu/profiler.ts';
export {
  type Architecture,
  type CriticLayers,
  type DcganOptions,
  type LinearOptions,
  type MlpOptions,
  architecture,
  dcgan,
  linear,
  mlp,
} from './nn/architectures.ts';
export type {
  BatchNormLayer,
  Conv2dLayer,
  Conv2dTransposeLayer,
  CropLayer,
  DenseLayer,
  FlattenLayer,
  Layer,
  QuadraticLayer,
  ReshapeLayer,
} from './nn/layers.ts';
export { type OptimiserSettings, adam, adamw, rmsprop, sgd } from './nn/optimisers.ts';
export type { LossScale } from './ops/guard.ts';
export type { ActivationKind } from './ops/activation-kinds.ts';
