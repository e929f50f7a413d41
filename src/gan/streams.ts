/** The second word of the threefry key, one for each purpose, so that no two draw from the same stream. */
export const STREAMS = {
  batches: 1,
  latents: 2,
  samples: 3,
  scoring: 4,
  bootstrap: 5,
  statistics: 6,
  interpolation: 7,
  typicality: 8,
  proposals: 20,
  starts: 21,
  encoderBatches: 30,
  encoderProposals: 31,
  simulatedLatents: 32,
  simulatedNoise: 33,
} as const;
