/** Elements of the page by their selector. */

/** The element, which the page is known to have. @throws Error where it is missing or of another kind. */
export function find<T extends Element>(selector: string, kind: new () => T): T {
  const found = document.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} ${selector}`);
  return found;
}
