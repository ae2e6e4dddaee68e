import type { CategoricalHistogram, Histogram, NumericHistogram } from './histogram.ts';
import { shownCount, shownName, shownNumber, shownShare } from './text.ts';

/** One bar. Extents are 0 … 1 over the width of all bars. */
export interface Bar {
  side: 'reference' | 'current';
  from: number;
  to: number;
  /** Of the side's values; more than 0. */
  share: number;
}

/** A text below the bars. */
export interface Label {
  at: number;
  align: 'left' | 'center' | 'right';
  /** Of the width of all bars, what it may take. */
  room: number;
  text: string;
}

/** The bars of one feature and what is written below them. */
export interface Bars {
  bars: Bar[];
  labels: Label[];
  /** What stands in the place of bars that are missing. */
  note?: string;
}

/** Where a numeric histogram's bins begin and end; beyond a gap are the bars for the tails. */
const BINS_FROM = 0.055;
const BINS_TO = 0.945;
const TAIL_WIDTH = 0.035;

/** A category's bars are no wider than they would be beside three others. */
const WIDEST_CATEGORY = 0.25;

/** Lays out a histogram; undefined is one that nobody counted. */
export function layOut(histogram: Histogram | undefined): Bars {
  if (histogram === undefined) return { bars: [], labels: [], note: 'no values to show' };
  const { bars, labels } = histogram.kind === 'numeric' ? numericBars(histogram) : categoryBars(histogram);
  const empty = (['reference', 'current'] as const).filter((side) => histogram[side].count === 0);
  const note = empty.length > 0 ? `no ${empty.join(' and no ')} values` : undefined;
  return {
    bars: bars.filter(({ share }) => share > 0),
    labels: empty.length < 2 ? labels : [],
    ...(note !== undefined && { note }),
  };
}

function numericBars({ edges, reference, current }: NumericHistogram): Bars {
  const bins = edges.length - 1;
  const edgeAt = (edge: number) => BINS_FROM + (BINS_TO - BINS_FROM) * (edge / bins);
  const bars = (['reference', 'current'] as const).flatMap((side): Bar[] => {
    const { shares, below, above } = side === 'reference' ? reference : current;
    return [
      { side, from: 0, to: TAIL_WIDTH, share: below },
      ...Array.from(shares, (share, bin) => ({ side, from: edgeAt(bin), to: edgeAt(bin + 1), share })),
      { side, from: 1 - TAIL_WIDTH, to: 1, share: above },
    ];
  });
  const outside = (side: NumericHistogram['reference']) => shownShare(side.below + side.above);
  // Bins of whole numbers reach half a unit further than their values.
  const inset = histogramOfWholeNumbers(edges) ? 0.5 : 0;
  return {
    bars,
    labels: [
      { at: BINS_FROM, align: 'left', room: 0.25, text: shownNumber((edges[0] ?? 0) + inset) },
      { at: 0.5, align: 'center', room: 0.5, text: `outside ${outside(reference)} → ${outside(current)}` },
      { at: BINS_TO, align: 'right', room: 0.25, text: shownNumber((edges[bins] ?? 0) - inset) },
    ],
  };
}

function histogramOfWholeNumbers(edges: Float64Array): boolean {
  return edges.every((edge) => Number.isInteger(edge + 0.5));
}

function categoryBars({ categories, otherCategories, reference, current }: CategoricalHistogram): Bars {
  const names = categories.map((category) => shownName(category));
  if (otherCategories > 0) names.push(`${shownCount(otherCategories)} other`);
  const width = Math.min(1 / names.length, WIDEST_CATEGORY);
  return {
    bars: names.flatMap((_, place): Bar[] => [
      {
        side: 'reference',
        from: (place + 0.1) * width,
        to: (place + 0.48) * width,
        share: reference.shares[place] ?? 0,
      },
      {
        side: 'current',
        from: (place + 0.52) * width,
        to: (place + 0.9) * width,
        share: current.shares[place] ?? 0,
      },
    ]),
    labels: names.map((text, place) => ({
      at: (place + 0.5) * width,
      align: 'center',
      room: 0.94 * width,
      text,
    })),
  };
}
