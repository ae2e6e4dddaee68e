import { Resvg } from '@resvg/resvg-js';
import { chartWidth, fontFamily } from './theme.ts';

/**
 * The SVG of a chart as PNG, {@link chartWidth} pixels wide. The same SVG gives the same bytes.
 *
 * @param fontFiles the only fonts: a text in a font that is missing vanishes without an error
 */
export function toPng(svg: string, fontFiles: string[]): Buffer {
  const font = { loadSystemFonts: false, fontFiles, defaultFontFamily: fontFamily };
  const fitTo = { mode: 'width', value: chartWidth } as const;
  return new Resvg(svg, { font, fitTo, background: 'white' }).render().asPng();
}
