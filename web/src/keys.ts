/** The two colours of the plots, and the keys that tell what they stand for. */

/** `own` of what the model was trained on and of a first curve, `other` of everything else. */
export type Key = 'own' | 'other';

export const COLOURS: Readonly<Record<Key, string>> = { own: 'var(--accent)', other: 'var(--other)' };

/** A coloured square and its name. */
export function keyOf(key: Key, name: string): HTMLSpanElement {
  const square = document.createElement('span');
  square.className = `key ${key}`;
  const entry = document.createElement('span');
  entry.className = 'key-entry';
  entry.append(square, name);
  return entry;
}
