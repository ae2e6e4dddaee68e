import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type * as Vega from 'vega';
import { builtFile } from '../../built_file.ts';
import { type Font, readFont } from './font.ts';
import { type ChartSpec, chartWidth } from './theme.ts';

/** A chart as SVG, before it becomes pixels. */
interface Drawing {
  svg: string;
  /** Pixels that the chart needs; it is scaled down where this is more than {@link chartWidth}. */
  naturalWidth: number;
  /** vega's warnings: empty unless the chart's specification has a mistake. */
  warnings: string[];
}

/** The libraries and fonts, once loaded. */
export interface Studio {
  /** The SVG of a chart, on a white page of {@link chartWidth}. */
  draw(spec: ChartSpec): Promise<Drawing>;
  /** The SVG as PNG. The same SVG gives the same bytes. */
  toPng(svg: string): Buffer;
}

/** Blank pixels to the left and right of a chart. */
const margin = 20;

/**
 * Loads vega, vega-lite, resvg and two fonts: 0.3 s of processor time and 40 MB, which is why nothing here is
 * imported at the top of a file.
 */
export async function openStudio(): Promise<Studio> {
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) =>
    fileURLToPath(builtFile(`fonts/${file}`)),
  );
  const [vega, { compile }, { toPng }, regular, bold] = await Promise.all([
    import('vega'),
    import('vega-lite'),
    import('./to_png.ts'),
    ...fontFiles.map(async (file) => readFont(await readFile(file))),
  ]);
  if (regular === undefined || bold === undefined) throw new Error('the fonts were not loaded');
  measureTextWith(vega, regular, bold);

  return {
    async draw(spec) {
      const warnings: string[] = [];
      // Without this logger they write to the console.
      const logger = vega.logger(vega.Warn, undefined, (_method, _level, messages) => {
        warnings.push([...messages].join(' '));
      });
      const { spec: compiled } = compile(showable(spec, regular), { logger });
      const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger });
      try {
        return { ...onPage(await view.toSVG()), warnings };
      } finally {
        view.finalize();
      }
    },
    toPng: (svg) => toPng(svg, fontFiles),
  };
}

/** Puts the SVG in the middle of a page of the wanted width; only one that is wider is scaled down to fit. */
function onPage(svg: string): Pick<Drawing, 'svg' | 'naturalWidth'> {
  const size = /^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"/.exec(svg);
  const width = Math.ceil(Number(size?.[1]));
  const height = Math.ceil(Number(size?.[2]));
  if (!(width > 0 && height > 0)) throw new Error('vega gave no SVG of a known size');
  const pageWidth = Math.max(chartWidth, width);
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${pageWidth}" height="${height}">`;
  const left = Math.min(margin, pageWidth - width);
  return { svg: `${open}<g transform="translate(${left},0)">${svg}</g></svg>`, naturalWidth: width };
}

/**
 * Lets vega know how wide a text will be. Without a canvas it takes 0.8 em a character, half too much, and cuts
 * names that have room; `textMetrics.width` is vega's hook for a replacement, which its types do not declare.
 */
function measureTextWith(vega: typeof Vega, regular: Font, bold: Font): void {
  const metrics: unknown = 'textMetrics' in vega ? vega.textMetrics : undefined;
  if (typeof metrics !== 'object' || metrics === null || !('width' in metrics)) {
    throw new Error('vega has no text metrics');
  }
  metrics.width = (item: MeasuredText, text: unknown): number => {
    if (text === undefined || text === null) return 0;
    const { width } = item.fontWeight === 'bold' ? bold : regular;
    // Text wider than its limit is cut to the limit.
    const limit = item.limit !== undefined && item.limit > 0 ? item.limit : Number.POSITIVE_INFINITY;
    return Math.min(limit, width(String(text)) * (item.fontSize ?? 11));
  };
}

/** What vega tells of a text that it wants measured. */
interface MeasuredText {
  fontSize?: number;
  fontWeight?: unknown;
  /** Pixels. */
  limit?: number;
}

/**
 * A copy of the chart in which characters that the font lacks are written as their code (`\u6E29`): as a box, all
 * Chinese names would look the same.
 */
function showable<Value>(value: Value, font: Font): Value;
function showable(value: unknown, font: Font): unknown {
  if (typeof value === 'string') return showableText(value, font);
  if (Array.isArray(value)) return value.map((element) => showable(element, font));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, showable(inner, font)]));
}

function showableText(text: string, font: Font): string {
  let shown = '';
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    shown += font.has(codePoint) ? character : escapeCodePoint(codePoint);
  }
  return shown;
}

function escapeCodePoint(codePoint: number): string {
  const digits = codePoint.toString(16).toUpperCase();
  return codePoint > 0xffff ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`;
}
