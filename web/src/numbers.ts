/** Numbers as the page writes them: a true minus sign, as many digits as mean something. */

/** With a fixed number of decimals, e.g. `−727.41`; an em dash where it is not finite. */
export function fixed(value: number, decimals = 2): string {
  if (!Number.isFinite(value)) return '—';
  return value.toFixed(decimals).replace('-', '−');
}

/** With three significant digits and an SI letter, e.g. `1.25 M`. */
export function compact(value: number): string {
  const units = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const;
  const [size, letter] = units.find(([least]) => value >= least) ?? [1, ''];
  return `${Number((value / size).toPrecision(3))}${letter}`;
}

/** A whole number with its thousands apart, e.g. `10 000`. */
export function whole(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}
