import { compactCount, shownCount, shownName, shownShare } from './text.ts';
import { along, colours, inline, type Layer, type View } from './theme.ts';

/** Rows by actual and predicted class. */
export interface ConfusionMatrix {
  /** Names of the classes. */
  labels: readonly string[];
  /** `counts[actual][predicted]`. */
  counts: readonly (readonly number[])[];
}

/** Pixels that the names beside and above the cells may take. */
interface Room {
  width: number;
  names: number;
  /** Classes shown, the one for all others included. */
  maxClasses: number;
}

const roomBeside: Room = { width: 575, names: 110, maxClasses: 8 };
const roomAlone: Room = { width: 1030, names: 270, maxClasses: 12 };

/**
 * Pixels: of the head above the cells and of the title in it, of the names there, which are turned, of a character
 * of most names, and of cells.
 */
const headSpace = 110;
const titleSpace = 24;
const aboveWidth = 130;
const usualCharacter = 7.4;
const maxCell = { width: 130, height: 64 };
const minCellHeight = 44;

interface Cell {
  row: number;
  column: number;
  count: number;
  /** Of the rows that are of the actual class; null where there are none. */
  share: number | null;
}

/**
 * Keeps the classes with the most rows, actual or predicted, in their order, and adds up all others.
 * @param most classes kept, the one for all others included
 */
export function capClasses({ labels, counts }: ConfusionMatrix, most: number): ConfusionMatrix {
  if (labels.length <= most) return { labels, counts };
  const weight = labels.map((_, label) =>
    counts.reduce((rows, row, actual) => rows + (row[label] ?? 0) + (actual === label ? sum(row) : 0), 0),
  );
  const kept = labels
    .map((_, label) => label)
    .sort((one, other) => (weight[other] ?? 0) - (weight[one] ?? 0) || one - other)
    .slice(0, most - 1)
    .sort((one, other) => one - other);
  const places = new Map(kept.map((label, place) => [label, place]));
  const placeOf = (label: number) => places.get(label) ?? most - 1;
  const capped = Array.from({ length: most }, () => new Array<number>(most).fill(0));
  counts.forEach((row, actual) => {
    const target = capped[placeOf(actual)] ?? [];
    row.forEach((count, predicted) => {
      target[placeOf(predicted)] = (target[placeOf(predicted)] ?? 0) + count;
    });
  });
  const names = kept.map((label) => labels[label] ?? '');
  return { labels: [...names, `${labels.length - names.length} other`], counts: capped };
}

function sum(row: readonly number[]): number {
  return row.reduce((total, count) => total + count, 0);
}

/** A confusion matrix: in each cell the rows, and their share of those that are of the actual class. */
export function confusionView(matrix: ConfusionMatrix, isAlone: boolean): View {
  const room = isAlone ? roomAlone : roomBeside;
  const { labels, counts } = capClasses(matrix, room.maxClasses);
  const size = labels.length;
  const longest = labels.reduce((most, label) => Math.max(most, label.length), 0);
  const besideWidth = Math.min(room.names, 12 + usualCharacter * longest);
  const left = besideWidth + 12;
  const cellWidth = Math.min(maxCell.width, (room.width - left) / Math.max(1, size));
  const cellHeight = Math.max(minCellHeight, Math.min(maxCell.height, cellWidth));
  const right = left + cellWidth * size;
  const bottom = headSpace + cellHeight * size;
  const cells = counts.flatMap((row, actual) => {
    const rows = sum(row);
    return row.map((count, predicted): Cell => {
      return { row: actual, column: predicted, count, share: rows === 0 ? null : count / rows };
    });
  });
  const x = (field: string) => along(field, { domain: [0, Math.max(1, size)], range: [left, right] });
  const y = (field: string) => along(field, { domain: [0, Math.max(1, size)], range: [headSpace, bottom] });
  // Cut in the middle to what there is room for, rather than at the end: classes often begin alike.
  const cut = (pixels: number) => (name: string, place: number) => ({
    at: place + 0.5,
    name: shownName(name, Math.floor(pixels / usualCharacter)),
  });

  const cellLayers: Layer[] = [
    {
      mark: { type: 'rect', stroke: colours.grid, strokeWidth: 1 },
      encoding: {
        x: x('column'),
        x2: { field: 'nextColumn' },
        y: y('row'),
        y2: { field: 'nextRow' },
        fill: {
          field: 'fill',
          type: 'quantitative',
          legend: null,
          scale: { domain: [0, 1], range: ['#FFFFFF', '#08519C'], interpolate: 'rgb' },
        },
      },
    },
    {
      transform: [{ filter: 'datum.row === datum.column' }],
      mark: { type: 'rect', fill: null, stroke: colours.black, strokeWidth: 2 },
      encoding: { x: x('column'), x2: { field: 'nextColumn' }, y: y('row'), y2: { field: 'nextRow' } },
    },
    ...(['count', 'share'] as const).map(
      (line): Layer => ({
        mark: {
          type: 'text',
          baseline: 'middle',
          yOffset: line === 'count' ? -8 : 8,
          fontWeight: line === 'count' ? 'bold' : 'normal',
          color: { expr: `datum.fill > 0.75 ? 'white' : 'black'` },
        },
        encoding: { x: x('middle'), y: y('centre'), text: { field: `${line}Text`, type: 'nominal' } },
      }),
    ),
  ];
  return {
    data: inline(
      cells.map((cell) => ({
        ...cell,
        nextRow: cell.row + 1,
        nextColumn: cell.column + 1,
        middle: cell.column + 0.5,
        centre: cell.row + 0.5,
        fill: cell.share ?? 0,
        countText: cellWidth > 90 ? shownCount(cell.count) : compactCount(cell.count),
        shareText: cell.share === null ? '–' : shownShare(cell.share),
      })),
    ),
    width: room.width,
    height: Math.max(bottom, headSpace + minCellHeight),
    layer: [
      ...cellLayers,
      {
        data: inline(labels.map(cut(besideWidth))),
        mark: { type: 'text', align: 'right', baseline: 'middle', limit: besideWidth },
        encoding: { x: { value: besideWidth + 4 }, y: y('at'), text: { field: 'name', type: 'nominal' } },
      },
      {
        data: inline(labels.map(cut(aboveWidth))),
        mark: { type: 'text', align: 'left', baseline: 'middle', angle: -35, limit: aboveWidth },
        encoding: { x: x('at'), y: { value: headSpace - 8 }, text: { field: 'name', type: 'nominal' } },
      },
      {
        data: inline([{}]),
        mark: {
          type: 'text',
          align: 'left',
          baseline: 'middle',
          x: 0,
          y: titleSpace / 2,
          color: colours.faintText,
          text:
            size === 0
              ? 'no rows with an outcome'
              : 'one line per actual class, one column per predicted class',
        },
      },
    ],
  };
}
