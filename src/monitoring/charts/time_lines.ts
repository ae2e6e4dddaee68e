/** A number for one bucket of time. */
export interface BucketValue {
  /** Beginning of the bucket, milliseconds since 1970. */
  at: number;
  /** null where there was not enough data. */
  value: number | null;
  /** Confidence interval. */
  low?: number | null | undefined;
  high?: number | null | undefined;
  /** Draws the mark filled. */
  filled?: boolean | undefined;
}

/** One line. Its place in the list gives its colour, shape and dash. */
export interface TimeLine {
  name: string;
  values: readonly BucketValue[];
}

/** A horizontal line with a text. */
export interface Level {
  value: number;
  text: string;
}

export interface TimeLines {
  bucket_ms: number;
  lines: readonly TimeLine[];
  levels: readonly Level[];
  /** Title and range of the vertical axis. */
  title: string;
  domain: [number, number];
}

/** A value of a line, in the middle of its bucket. */
export interface Point {
  style: number;
  /** Number of its segment: there are no gaps between the points of one segment. */
  segment: number;
  at: number;
  value: number;
  low: number | null;
  high: number | null;
  filled: boolean;
}

/** The points of a line, divided into segments where a bucket is missing or has no value. */
export function pointsOf(lines: readonly TimeLine[], bucket_ms: number): Point[] {
  let segment = 0;
  return lines.flatMap(({ values }, style) => {
    let previous = Number.NEGATIVE_INFINITY;
    return [...values]
      .sort((one, other) => one.at - other.at)
      .flatMap(({ at, value, low = null, high = null, filled = false }): Point[] => {
        if (value === null || !Number.isFinite(value)) return [];
        if (at - previous > 1.5 * bucket_ms) segment++;
        previous = at;
        return [{ style, segment, at: at + bucket_ms / 2, value, low, high, filled }];
      });
  });
}

/** The stretches of time in which no line has a value, as [from, to) in milliseconds. */
export function emptyStretches(
  lines: readonly TimeLine[],
  bucket_ms: number,
): { from: number; to: number }[] {
  const hasValue = new Map<number, boolean>();
  for (const { at, value } of lines.flatMap(({ values }) => values)) {
    hasValue.set(at, hasValue.get(at) === true || value !== null);
  }
  const stretches: { from: number; to: number }[] = [];
  for (const [at, has] of [...hasValue].sort(([one], [other]) => one - other)) {
    const last = stretches.at(-1);
    if (has) continue;
    if (last !== undefined && last.to === at) last.to = at + bucket_ms;
    else stretches.push({ from: at, to: at + bucket_ms });
  }
  return stretches;
}

/** From the beginning of the first bucket to the end of the last; undefined without buckets. */
export function timeSpan(lines: readonly TimeLine[], bucket_ms: number): [number, number] | undefined {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { at } of lines.flatMap(({ values }) => values)) {
    first = Math.min(first, at);
    last = Math.max(last, at + bucket_ms);
  }
  return first < last ? [first, last] : undefined;
}

/**
 * Moves positions apart as little as needed to be `gap` from each other, in their order and within [0, end] if there
 * is room for all.
 */
export function spreadOut(positions: readonly number[], gap: number, end: number): number[] {
  const order = positions
    .map((_, index) => index)
    .sort((one, other) => (positions[one] ?? 0) - (positions[other] ?? 0));
  const placed: number[] = [];
  let next = Number.NEGATIVE_INFINITY;
  for (const index of order) {
    const place = Math.max(next, positions[index] ?? 0);
    placed[index] = place;
    next = place + gap;
  }
  let last = end;
  for (const index of order.reverse()) {
    const place = Math.min(last, placed[index] ?? 0);
    placed[index] = place;
    last = place - gap;
  }
  return placed;
}
