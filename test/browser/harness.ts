/** What the pages of the browser tests hold as `gan`: the browser entry, and what a test looks into beside it. */
export * from '../../src/browser.ts';
export { evaluate } from '../../src/graph/evaluate.ts';
export { threefryNormal, threefryUniform } from '../../src/ops/threefry.ts';
