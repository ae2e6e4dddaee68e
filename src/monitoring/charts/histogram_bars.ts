import type { CategoricalHistogram, Histogram, NumericHistogram } from './histogram.ts';
import { shownCount, shownName, shownNumber, shownShare } from './text.ts';

/** One bar. Positions are from 0 to 1 across the width of all bars. */
export interface Bar {
  side: 'reference' | 'current';
  from: number;
  to: number;
  /** Share of the side's values, greater than 0. */
  share: number;
}

/** A text below the bars. */
interface Label {
  at: number;
  align: 'left' | 'center' | 'right';
  /** Share of the width of all bars that it may take. */
  room: number;
  text: string;
}

/** The bars of one feature and what is written below them. */
export interface Bars {
  bars: Bar[];
  labels: Label[];
  /** What is written where there are no bars. */
  note?: string;
}

/** Where the bins of a numeric histogram begin and end; the bars of the tails are separated from them by a gap. */
const binsFrom = 0.055;
const binsTo = 0.945;
const tailWidth = 0.035;

/** A category's bars are no wider than they would be beside three others. */
const widestCategory = 0.25;

/** Lays out a histogram; undefined: there are no counts. */
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
  const edgeAt = (edge: number) => binsFrom + (binsTo - binsFrom) * (edge / bins);
  const bars = (['reference', 'current'] as const).flatMap((side): Bar[] => {
    const { shares, below, above } = side === 'reference' ? reference : current;
    return [
      { side, from: 0, to: tailWidth, share: below },
      ...Array.from(shares, (share, bin) => ({ side, from: edgeAt(bin), to: edgeAt(bin + 1), share })),
      { side, from: 1 - tailWidth, to: 1, share: above },
    ];
  });
  const outside = (side: NumericHistogram['reference']) => shownShare(side.below + side.above);
  // Bins of whole numbers extend half a unit beyond their values.
  const inset = histogramOfWholeNumbers(edges) ? 0.5 : 0;
  return {
    bars,
    labels: [
      { at: binsFrom, align: 'left', room: 0.25, text: shownNumber((edges[0] ?? 0) + inset) },
      { at: 0.5, align: 'center', room: 0.5, text: `outside ${outside(reference)} → ${outside(current)}` },
      { at: binsTo, align: 'right', room: 0.25, text: shownNumber((edges[bins] ?? 0) - inset) },
    ],
  };
}

function histogramOfWholeNumbers(edges: Float64Array): boolean {
  return edges.every((edge) => Number.isInteger(edge + 0.5));
}

function categoryBars({ categories, otherCategories, reference, current }: CategoricalHistogram): Bars {
  const names = categories.map((category) => shownName(category));
  if (otherCategories > 0) names.push(`${shownCount(otherCategories)} other`);
  const width = Math.min(1 / names.length, widestCategory);
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
