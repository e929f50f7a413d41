/** The list of cases that the benchmark bundles names every table that the tests discover. */
import { expect, it } from 'vitest';
import { CASE_TABLES } from '../bench/cases.ts';
import { discoverCases } from './support/verify.ts';

it('the benchmark runs every table of test/cases', async () => {
  const discovered = await discoverCases();
  expect(Object.keys(CASE_TABLES).sort()).toEqual([...discovered.keys()].sort());
  for (const [stem, cases] of discovered) expect(CASE_TABLES[stem]).toBe(cases);
});
