/** What every figure shares: its look, the colours of its series, and the way from a description to SVG. */
import * as vega from 'vega';
import { type TopLevelSpec, compile } from 'vega-lite';
import { UserError } from '../gpu/errors.ts';

/** Okabe & Ito's colours without yellow and black: told apart with any kind of colour vision, on white. */
const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;

/** Outline of the series after each time round the palette. */
const DASHES: readonly (readonly number[])[] = [
  [1, 0],
  [7, 3],
];

export const PLOT_SIZE = { width: 620, height: 280 } as const;

type TitleParams = Exclude<TopLevelSpec['title'], string | readonly string[] | undefined>;

/** Colour and dash of each series, in order, for a Vega-Lite encoding. */
export interface SeriesScales {
  readonly color: { readonly domain: string[]; readonly range: string[] };
  readonly strokeDash: { readonly domain: string[]; readonly range: number[][] };
}

/**
 * Colours and dashes for series of these names.
 * @throws UserError for two series of one name, none at all, and more than can be told apart.
 */
export function seriesScales(figure: string, names: readonly string[]): SeriesScales {
  const most = PALETTE.length * DASHES.length;
  if (names.length === 0 || names.length > most)
    throw new UserError(`${figure}: ${names.length} series; give 1 to ${most}, more cannot be told apart`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UserError(`${figure}: two series are called '${twice}'; give each a name of its own`);
  return {
    color: { domain: [...names], range: names.map((_, i) => PALETTE[i % PALETTE.length] as string) },
    strokeDash: {
      domain: [...names],
      range: names.map((_, i) => [...(DASHES[Math.floor(i / PALETTE.length)] as readonly number[])]),
    },
  };
}

/** A figure's title with notes below it, a line each; undefined where there is nothing to say. */
export function heading(title: string | undefined, notes: readonly string[]): TitleParams | undefined {
  if (title !== undefined) return { text: title, subtitle: [...notes] };
  // Vega draws no subtitle without a title: the smallest there is.
  return notes.length > 0 ? { text: ' ', fontSize: 1, subtitle: [...notes] } : undefined;
}

/** The note that some of the values drawn cannot be seen, none where all can. */
export function hiddenNote(hidden: number, total: number, why: string): string[] {
  return hidden > 0 ? [`${why}: ${formatted(hidden, 0)} of ${formatted(total, 0)} values`] : [];
}

/** A number as figures write it: a true minus sign, thousands apart. */
export function formatted(value: number, decimals: number): string {
  return value
    .toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    .replace('-', '−');
}

/** Draws a Vega-Lite description as one `<svg>` element, fit to stand beside others in a page. */
export async function toSvg(spec: TopLevelSpec): Promise<string> {
  const look: TopLevelSpec = {
    ...spec,
    background: 'white',
    padding: 8,
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: {
        labelFontSize: 11,
        titleFontSize: 12,
        titleFontWeight: 'normal',
        gridColor: '#e8e8e8',
        domainColor: '#666',
      },
      legend: {
        orient: 'top',
        direction: 'vertical',
        labelFontSize: 12,
        labelLimit: 0,
        symbolType: 'stroke',
        symbolSize: 300,
        symbolStrokeWidth: 3,
        title: null,
      },
      title: { anchor: 'start', fontSize: 14, subtitleFontSize: 11, subtitleColor: '#555', offset: 8 },
    },
  };
  const view = new vega.View(vega.parse(compile(look).spec), { renderer: 'none' });
  try {
    return withOwnIds(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** Vega numbers its ids from 0 in every figure; those of one page must differ, so a hash (FNV-1a) of the figure leads. */
function withOwnIds(svg: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < svg.length; i++) hash = Math.imul(hash ^ svg.charCodeAt(i), 0x01000193);
  const prefix = `f${(hash >>> 0).toString(16)}-`;
  return svg.replaceAll(/\bid="|url\(#/g, (opening) => opening + prefix);
}
