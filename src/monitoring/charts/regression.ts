import { binPredictions, gridSize, type PredictedActual } from './regression_bins.ts';
import { shownNumber, shownRows, shownShare } from './text.ts';
import {
  type ChartSpec,
  chart,
  colours,
  inline,
  type Layer,
  metricText,
  readableText,
  type ShownMetric,
  type Subject,
  titleOf,
  type View,
} from './theme.ts';

export interface RegressionPerformance extends Subject {
  metrics: readonly ShownMetric[];
  /** The same rows in the same order. */
  actual: Float64Array;
  predicted: Float64Array;
}

/** Pixels of each part. */
const chartSize = 460;

/** From few to many, with steadily decreasing luminance: ColorBrewer's Blues without the palest. */
const heat = ['#C6DBEF', '#6BAED6', '#2171B5', '#08306B'];

/** Predicted against actual values, and the distribution of the errors. */
export function regressionChart(report: RegressionPerformance): ChartSpec {
  const binned = binPredictions(report.actual, report.predicted);
  const { residuals, pairs, outside, bias } = binned;
  const residualsOutside = residuals.current.below + residuals.current.above;
  return chart(
    titleOf('Performance', report),
    [
      `${shownRows(pairs)} with an outcome`,
      ...report.metrics.map(metricText),
      ...(bias === null ? [] : [`bias ${shownNumber(bias, 3)}`]),
      ...(outside > 0 ? [`${shownShare(outside / pairs)} of the pairs outside the left picture`] : []),
      ...(residualsOutside > 0
        ? [`${shownShare(residualsOutside)} of the residuals outside the right one`]
        : []),
    ],
    [{ hconcat: [pairsView(binned), residualsView(binned)], spacing: 50 }],
  );
}

function pairsView({ range, points, squares, pairs }: PredictedActual): View {
  const axis = (field: string, title: string) => ({
    field,
    type: 'quantitative' as const,
    scale: { domain: [...range], nice: false as const, zero: false as const },
    axis: { title, tickCount: 6 },
  });
  const x = axis('actual', 'actual');
  const y = axis('predicted', 'predicted');
  const [low, high] = range;
  const edge = (place: number) => low * (1 - place / gridSize) + high * (place / gridSize);
  const most = squares.reduce((highest, { count }) => Math.max(highest, count), 10);
  const body: Layer =
    squares.length === 0
      ? {
          data: inline(points),
          mark: { type: 'point', stroke: colours.blue, size: 24, opacity: 0.55, strokeWidth: 1.2 },
          encoding: { x, y },
        }
      : {
          data: inline(
            squares.map(({ column, row, count }) => ({
              actual: edge(column),
              actualEnd: edge(column + 1),
              predicted: edge(row),
              predictedEnd: edge(row + 1),
              count,
            })),
          ),
          mark: { type: 'rect' },
          encoding: {
            x,
            x2: { field: 'actualEnd' },
            y,
            y2: { field: 'predictedEnd' },
            color: {
              field: 'count',
              type: 'quantitative',
              scale: { type: 'log', domain: [1, most], range: heat },
              legend: { title: 'rows', orient: 'right', format: '~s', gradientLength: 200, tickCount: 4 },
            },
          },
        };
  return {
    width: chartSize,
    height: chartSize,
    layer: [
      body,
      {
        data: inline([
          { actual: low, predicted: low },
          { actual: high, predicted: high },
        ]),
        mark: { type: 'line', color: colours.vermillion, strokeDash: [6, 4], strokeWidth: 2 },
        encoding: { x, y },
      },
      {
        data: inline([{}]),
        ...readableText({
          align: 'left',
          x: 10,
          y: 14,
          text: pairs === 0 ? 'no rows with an outcome' : 'dashed: predicted as it came',
        }),
      },
    ],
  };
}

function residualsView({ residuals, bias }: PredictedActual): View {
  const { edges, current } = residuals;
  const low = Math.min(edges[0] ?? 0, bias ?? 0, 0);
  const high = Math.max(edges.at(-1) ?? 0, bias ?? 0, 0);
  const x = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: { domain: [low, high], nice: false as const, zero: false as const },
    axis: { title: 'residual: predicted − actual', tickCount: 6, grid: false },
  });
  const tallest = current.shares.reduce((most, share) => Math.max(most, share), 0.01);
  const y = {
    field: 'share',
    type: 'quantitative' as const,
    scale: { domain: [0, 1.15 * tallest], nice: false as const },
    axis: { title: 'share of the rows', tickCount: 5, format: '~%' },
  };
  const lines = [{ at: 0, line: 'none' }, ...(bias === null ? [] : [{ at: bias, line: 'bias' }])];
  return {
    width: chartSize,
    height: chartSize,
    layer: [
      {
        data: inline(
          Array.from(current.shares, (share, bin) => ({
            from: edges[bin] ?? 0,
            to: edges[bin + 1] ?? 0,
            share,
          })),
        ),
        mark: { type: 'rect', color: colours.skyBlue, stroke: 'white', strokeWidth: 1 },
        encoding: { x: x('from'), x2: { field: 'to' }, y, y2: { datum: 0 } },
      },
      {
        data: inline(lines),
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: {
          x: x('at'),
          color: {
            field: 'line',
            type: 'nominal',
            legend: null,
            scale: { domain: ['none', 'bias'], range: [colours.black, colours.vermillion] },
          },
          strokeDash: {
            field: 'line',
            type: 'nominal',
            legend: null,
            scale: {
              domain: ['none', 'bias'],
              range: [
                [1, 0],
                [6, 4],
              ],
            },
          },
        },
      },
      {
        data: inline([{}]),
        ...readableText({
          align: 'left',
          x: 10,
          y: 14,
          text: 'black: no error; dashed: bias, the mean error',
        }),
      },
    ],
  };
}
