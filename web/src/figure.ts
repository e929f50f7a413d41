/** A figure of Observable Plot in its place on the page: as wide as that, drawn again when the width changes, with its words. */
import * as Plot from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';

export interface Figure {
  /** @param description what it shows, in words, for those who do not see it. */
  readonly draw: (options: (width: number) => PlotOptions, description: string) => void;
  readonly clear: () => void;
}

export function createFigure(place: HTMLElement): Figure {
  let current: { options: (width: number) => PlotOptions; description: string } | undefined;
  let drawnWidth = 0; // 0 while it is hidden, so that it is drawn once it is seen
  const redraw = (): void => {
    const width = place.clientWidth;
    drawnWidth = width;
    if (!current || width === 0) return;
    const svg = Plot.plot({
      ...current.options(width),
      width,
      style: { background: 'none', fontSize: '12px', overflow: 'visible' },
    });
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', current.description);
    for (const part of svg.querySelectorAll('g')) part.setAttribute('aria-hidden', 'true');
    place.replaceChildren(svg);
  };
  new ResizeObserver(() => {
    if (place.clientWidth === drawnWidth) return;
    requestAnimationFrame(redraw); // at once it would change the sizes that are being told
  }).observe(place);
  return {
    draw: (options, description) => {
      current = { options, description };
      redraw();
    },
    clear: () => {
      current = undefined;
      place.replaceChildren();
    },
  };
}
