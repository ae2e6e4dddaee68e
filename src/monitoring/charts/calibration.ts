import { compactCount } from './text.ts';
import { along, colours, inline, type Layer, readableText, type View } from './theme.ts';

/** The predictions of a probability between `from` and `to`. All numbers but `count` are 0 … 1. */
export interface CalibrationBin {
  from: number;
  to: number;
  count: number;
  /** Mean of the predicted probabilities. */
  mean_predicted: number;
  /** Share of the rows of the positive class, with its Wilson interval. */
  observed: number;
  low: number;
  high: number;
}

/** Pixels: of the square, of the counts below it. */
const chartSize = 430;
const countsHeight = 80;

/** With more bins their counts have no room above the bars. */
const maxCountedBins = 10;

const percent = { domain: [0, 1] as [number, number], nice: false as const };

/**
 * A reliability diagram: the observed share of the positive class against the predicted probability, and the rows in
 * each bin. Empty bins are left out.
 */
export function calibrationView(bins: readonly CalibrationBin[]): View {
  const filled = bins.filter(({ count }) => count > 0);
  const most = filled.reduce((highest, { count }) => Math.max(highest, count), 1);
  const x = (field: string, title: string | null) => ({
    field,
    type: 'quantitative' as const,
    scale: percent,
    axis: { title, tickCount: 5, format: '%' },
  });
  const y = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: percent,
    axis: { title: 'came true', tickCount: 5, format: '%' },
  });
  const diagonal: Layer[] = [
    {
      data: inline([{ at: 0 }, { at: 1 }]),
      mark: { type: 'line', color: colours.line, strokeDash: [5, 4], strokeWidth: 1.5 },
      encoding: { x: x('at', null), y: y('at') },
    },
  ];
  const mean = x('mean_predicted', null);
  return {
    vconcat: [
      {
        data: inline(filled),
        width: chartSize,
        height: chartSize,
        layer: [
          ...diagonal,
          {
            mark: { type: 'rule', color: colours.blue, strokeWidth: 2 },
            encoding: { x: mean, y: y('low'), y2: { field: 'high' } },
          },
          ...(['low', 'high'] as const).map(
            (end): Layer => ({
              mark: { type: 'tick', color: colours.blue, orient: 'horizontal', size: 12, thickness: 2 },
              encoding: { x: mean, y: y(end) },
            }),
          ),
          {
            mark: { type: 'line', color: colours.blue, strokeWidth: 1, opacity: 0.5 },
            encoding: { x: mean, y: y('observed') },
          },
          {
            mark: { type: 'point', fill: colours.blue, stroke: 'white', size: 75, opacity: 1 },
            encoding: { x: mean, y: y('observed') },
          },
          {
            data: inline([{}]),
            ...readableText({
              align: 'left',
              x: 10,
              y: 14,
              color: colours.faintText,
              text: filled.length === 0 ? 'no rows with an outcome' : 'bars: 95 % interval; dashed: perfect',
            }),
          },
        ],
      },
      {
        data: inline(
          filled.map(({ from, to, count }) => ({
            from,
            to,
            count,
            at: (from + to) / 2,
            text: filled.length <= maxCountedBins ? compactCount(count) : '',
          })),
        ),
        width: chartSize,
        height: countsHeight,
        layer: [
          {
            mark: { type: 'rect', color: colours.reference, stroke: 'white', strokeWidth: 1 },
            encoding: {
              x: x('from', 'predicted probability'),
              x2: { field: 'to' },
              y: rows('count', most),
              y2: { datum: 0 },
            },
          },
          {
            mark: { type: 'text', baseline: 'bottom', dy: -2 },
            encoding: {
              x: x('at', 'predicted probability'),
              y: rows('count', most),
              text: { field: 'text', type: 'nominal' },
            },
          },
        ],
      },
    ],
    spacing: 12,
  };
}

function rows(field: string, most: number) {
  const scale = { domain: [0, 1.3 * most] as [number, number] };
  return { ...along(field, scale), axis: { title: 'rows', values: [0, most], format: ',d' } };
}
