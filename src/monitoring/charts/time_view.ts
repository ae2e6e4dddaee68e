import { shownName } from './text.ts';
import { along, colours, inline, type Layer, lineStyles, readableText, type View } from './theme.ts';
import {
  emptyStretches,
  type Level,
  type Point,
  pointsOf,
  spreadOut,
  type TimeLines,
  timeSpan,
} from './time_lines.ts';

/** As many lines as there are styles. */
export const maxLines = lineStyles.length;

/** Pixels: the size of the view of the lines, and the distance between texts that would overlap. */
const viewWidth = 1036;
const viewHeight = 340;
const textGap = 16;

/** From this many points on, marks are small and intervals are drawn without bars. */
const manyPoints = 400;

const dayMs = 86_400_000;

/** Something that differs from line to line. */
function byStyle<Value>(range: readonly Value[]) {
  const domain = lineStyles.map((_, style) => style);
  return { field: 'style', type: 'nominal' as const, legend: null, scale: { domain, range: [...range] } };
}

const colour = byStyle<string>(lineStyles.map((style) => style.colour));
const shape = byStyle<string>(lineStyles.map((style) => style.shape));
const dash = byStyle(lineStyles.map((style) => [...style.dash]));

/**
 * The lines over time, and below them what each is. A line is broken where it has no number; stretches in which none
 * has one are shaded.
 */
export function timeViews(chart: TimeLines): View[] {
  return [linesView(chart), namesView(chart)];
}

function linesView({ lines, bucket_ms, levels, domain, title }: TimeLines): View {
  const points = pointsOf(lines, bucket_ms);
  const span = timeSpan(lines, bucket_ms) ?? [0, dayMs];
  const markSize = points.length > manyPoints ? 12 : 50;
  const x = timeAxis(span);
  const y = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: { domain, nice: false as const, zero: false as const },
    axis: { title, tickCount: 6 },
  });
  const detail = { field: 'segment', type: 'nominal' as const };
  const point = { type: 'point', size: markSize, strokeWidth: 1.5, opacity: 1 } as const;
  const text = { type: 'text', align: 'left', baseline: 'middle' } as const;
  const placedText = { field: 'text', type: 'nominal' } as const;

  const layers: Layer[] = [
    {
      data: inline(
        emptyStretches(lines, bucket_ms).flatMap(({ from, to }) => [
          { at: from, stretch: from },
          { at: to, stretch: from },
        ]),
      ),
      mark: { type: 'area', color: colours.empty },
      encoding: {
        x,
        y: { value: 0 },
        y2: { value: viewHeight },
        detail: { field: 'stretch', type: 'nominal' },
      },
    },
    {
      data: inline(points.filter(({ low, high }) => low !== null && high !== null)),
      layer: [
        {
          mark: { type: 'area', opacity: 0.15 },
          encoding: { x, y: y('low'), y2: { field: 'high' }, color: colour, detail },
        },
        {
          mark: { type: 'rule', strokeWidth: 1.5, opacity: points.length > manyPoints ? 0 : 0.5 },
          encoding: { x, y: y('low'), y2: { field: 'high' }, color: colour },
        },
      ],
    },
    {
      data: inline(points),
      layer: [
        {
          mark: { type: 'line', strokeWidth: 2 },
          encoding: { x, y: y('value'), color: colour, strokeDash: dash, detail },
        },
        {
          mark: { ...point, fill: 'white' },
          encoding: { x, y: y('value'), stroke: colour, shape },
        },
        {
          transform: [{ filter: 'datum.filled' }],
          mark: point,
          encoding: { x, y: y('value'), stroke: colour, fill: colour, shape },
        },
      ],
    },
    {
      data: inline(placeTexts(levels, domain, -9)),
      layer: [
        {
          mark: { type: 'rule', color: colours.black, strokeWidth: 1.5, strokeDash: [5, 4] },
          encoding: { y: y('value') },
        },
        readableText({ align: 'left', x: 5, y: { expr: 'datum.pixel' } }, { text: placedText }),
      ],
    },
    {
      data: inline(placeTexts(lineEnds(points), domain, 0)),
      mark: { ...text, fontWeight: 'bold', x: viewWidth + 12, y: { expr: 'datum.pixel' } },
      encoding: { color: colour, text: placedText },
    },
  ];
  return { width: viewWidth, height: viewHeight, layer: layers };
}

function timeAxis(span: [number, number]) {
  return {
    field: 'at',
    type: 'temporal' as const,
    scale: { type: 'utc' as const, domain: [...span], nice: false as const },
    axis: {
      title: 'time (UTC)',
      format: timeFormat(span[1] - span[0]),
      grid: false,
      tickCount: 8,
      labelOverlap: 'greedy' as const,
      labelSeparation: 12,
    },
  };
}

/** The d3 time format for a span of that many milliseconds. */
function timeFormat(span: number): string {
  if (span <= dayMs / 24) return '%H:%M:%S';
  if (span <= 4 * dayMs) return '%-d %b %H:%M';
  return span <= 300 * dayMs ? '%-d %b' : '%b %Y';
}

/** Adds to each text the vertical pixel at which it does not overlap another. */
function placeTexts<Text extends Level>(
  texts: readonly Text[],
  [low, high]: [number, number],
  offset: number,
) {
  const pixels = texts.map(({ value }) => viewHeight * (1 - (value - low) / (high - low)) + offset);
  const placed = spreadOut(pixels, textGap, viewHeight);
  return texts.map((text, index) => ({ ...text, pixel: placed[index] ?? 0 }));
}

/** The last point of each line, with the line's number. */
function lineEnds(points: readonly Point[]): (Level & { style: number })[] {
  const last = new Map<number, Point>();
  for (const point of points) last.set(point.style, point);
  return [...last.values()].map(({ style, value }) => ({ style, value, text: String(style + 1) }));
}

/** What each line is, in two columns. */
function namesView({ lines }: TimeLines): View {
  const [rowHeight, columnWidth] = [22, 560];
  const rows = lines.map(({ name }, style) => ({
    style,
    name: shownName(name),
    number: String(style + 1),
    left: (style % 2) * columnWidth,
    top: Math.floor(style / 2) * rowHeight + rowHeight / 2,
  }));
  const height = rowHeight * Math.ceil(lines.length / 2);
  const at = (offset: number) => ({ x: { expr: `datum.left + ${offset}` }, y: { expr: 'datum.top' } });
  const text = { type: 'text', align: 'left', baseline: 'middle' } as const;
  return {
    data: inline(rows),
    width: 2 * columnWidth,
    height,
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, x2Offset: 44 },
        encoding: {
          x: along('left', { domain: [0, 2 * columnWidth], range: [0, 2 * columnWidth] }),
          x2: { field: 'left' },
          y: along('top', { domain: [0, height], range: [0, height] }),
          color: colour,
          strokeDash: dash,
        },
      },
      {
        mark: { type: 'point', size: 60, strokeWidth: 1.5, opacity: 1, fill: 'white', ...at(22) },
        encoding: { stroke: colour, shape },
      },
      {
        mark: { ...text, fontWeight: 'bold', ...at(54) },
        encoding: { color: colour, text: { field: 'number', type: 'nominal' } },
      },
      {
        mark: { ...text, ...at(70), limit: columnWidth - 90 },
        encoding: { text: { field: 'name', type: 'nominal' } },
      },
    ],
  };
}
