import { heightOf, rowHeight, rowPosition } from './feature_rows.ts';
import type { Histogram } from './histogram.ts';
import { type Bar, layOut } from './histogram_bars.ts';
import { shownShare } from './text.ts';
import { along, colours, inline, type Layer, type View } from './theme.ts';

/**
 * Pixels: the whole width, the left margin, and the distances from the top of a row to its baseline and to the top of
 * its tallest bar.
 */
const viewWidth = 500;
const leftMargin = 52;
const baselineAt = 62;
const topMargin = 14;

const toRowUnits = (pixels: number) => pixels / rowHeight;

/** Histograms of the reference (filled) and the current values (outlined), one below the other. */
export function histogramView(histograms: readonly (Histogram | undefined)[]): View {
  const rows = histograms.map(layOut).map(({ bars, labels, note = '' }, row) => {
    const tallest = bars.reduce((most, { share }) => Math.max(most, share), 0);
    const heightOfBar = (share: number) => (baselineAt - topMargin) * (share / tallest);
    return {
      row,
      note,
      tallest: tallest > 0 ? shownShare(tallest) : '',
      labels: labels.map((label) => ({ ...label, row, room: label.room * (viewWidth - leftMargin) })),
      bars: bars.map((bar) => ({
        ...bar,
        row,
        bottom: row + toRowUnits(baselineAt),
        top: row + toRowUnits(baselineAt - heightOfBar(bar.share)),
      })),
    };
  });
  const bars = rows.flatMap((row) => row.bars);
  const y = rowPosition(rows.length);
  const top = rowPosition(rows.length, 'top');
  const at = (field: string) => along(field, { domain: [0, 1], range: [leftMargin, viewWidth] });
  const text = { type: 'text', baseline: 'middle' } as const;

  return {
    width: viewWidth,
    height: heightOf(rows.length),
    layer: [
      {
        data: inline(bars.filter(({ side }) => side === 'reference')),
        mark: { type: 'rect', color: colours.reference },
        encoding: { x: at('from'), x2: { field: 'to' }, y: top, y2: { field: 'bottom' } },
      },
      {
        data: inline(
          rows.filter(({ tallest }) => tallest !== '').map(({ row, tallest }) => ({ row, tallest })),
        ),
        layer: [
          {
            mark: { type: 'rule', color: colours.line, yOffset: baselineAt },
            encoding: { x: { value: leftMargin }, x2: { value: viewWidth }, y },
          },
          {
            mark: { ...text, align: 'right', yOffset: topMargin + 5, color: colours.faintText },
            encoding: { x: { value: leftMargin - 6 }, y, text: { field: 'tallest', type: 'nominal' } },
          },
        ],
      },
      {
        data: inline(outlinesOf(bars.filter(({ side }) => side === 'current'))),
        mark: { type: 'line', color: colours.blue, strokeWidth: 2, strokeJoin: 'miter' },
        encoding: {
          x: at('at'),
          y: top,
          detail: { field: 'outline', type: 'nominal' },
          order: { field: 'order', type: 'quantitative' },
        },
      },
      {
        data: inline(rows.flatMap((row) => row.labels)),
        mark: {
          ...text,
          align: { expr: 'datum.align' },
          limit: { expr: 'datum.room' },
          yOffset: baselineAt + 11,
        },
        encoding: { x: at('at'), y, text: { field: 'text', type: 'nominal' } },
      },
      {
        data: inline(rows.filter(({ note }) => note !== '').map(({ row, note }) => ({ row, note }))),
        mark: { ...text, align: 'right', yOffset: topMargin + 5, color: colours.faintText },
        encoding: { x: { value: viewWidth }, y, text: { field: 'note', type: 'nominal' } },
      },
      ...heading(),
    ],
  };
}

interface PlacedBar extends Bar {
  row: number;
  bottom: number;
  top: number;
}

/** The corners of the bars' outlines, from left to right; bars that touch share one. */
function outlinesOf(bars: readonly PlacedBar[]) {
  let outline = 0;
  return bars.flatMap(({ row, from, to, top, bottom }, place) => {
    const before = bars[place - 1];
    const after = bars[place + 1];
    const begins = before?.row !== row || before.to !== from;
    if (begins) outline++;
    return [
      ...(begins ? [{ outline, at: from, top: bottom }] : []),
      { outline, at: from, top },
      { outline, at: to, top },
      ...(after?.row !== row || after.from !== to ? [{ outline, at: to, top: bottom }] : []),
    ].map((corner, order) => ({ ...corner, order: 4 * place + order }));
  });
}

/** What the bars mean. */
function heading(): Layer[] {
  const y = 8;
  const text = { type: 'text', align: 'left', baseline: 'middle', color: colours.faintText, y } as const;
  const square = { type: 'point', shape: 'square', size: 130, strokeWidth: 2, opacity: 1, y } as const;
  const place = (x: number) => ({ data: inline([{}]), encoding: { x: { value: x } } });
  return [
    { ...place(leftMargin + 7), mark: { ...square, fill: colours.reference, stroke: colours.reference } },
    { ...place(leftMargin + 20), mark: { ...text, text: 'reference' } },
    { ...place(leftMargin + 102), mark: { ...square, fill: 'white', stroke: colours.blue } },
    { ...place(leftMargin + 115), mark: { ...text, text: 'current' } },
    { ...place(leftMargin + 186), mark: { ...text, text: 'outer bars: outside the reference’s 1–99 %' } },
  ];
}
