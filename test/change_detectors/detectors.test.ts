import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectorStateSchema } from '../../src/change_detectors/detector.ts';
import {
  adwinEstimate,
  type Change,
  createAdwin,
  createPageHinkley,
  type DetectorState,
  updateDetector,
} from '../../src/change_detectors/index.ts';
import { type StreamCase, streamOf, streams } from './stream.ts';

type Expected = StreamCase['expected'][number];

/** The detector that river was asked with these options. */
function detectorFor({ detector, options }: Expected): DetectorState {
  const { delta, clock, max_buckets, min_window_length, grace_period } = options;
  const { min_instances, threshold, alpha, mode } = options;
  return detector === 'adwin'
    ? createAdwin({
        delta,
        clock,
        maxBuckets: max_buckets,
        minimumSide: min_window_length,
        gracePeriod: grace_period,
      })
    : createPageHinkley({ delta, minimumValues: min_instances, threshold, alpha, direction: mode });
}

/** The figures that make_streams.py looks at, in its order. */
function figures(state: DetectorState): number[] {
  if (state.kind === 'adwin') {
    const { width, total, variance } = state.window;
    return [width, adwinEstimate(state).mean, total, variance];
  }
  const { mean, rise, fall } = state;
  return [mean, rise.sum, rise.extreme, fall.sum, fall.extreme];
}

const cases = streams.flatMap(({ name, recipe, expected }) =>
  expected.map((one) => ({
    title: `${name}: ${one.detector} ${JSON.stringify(one.options)}`,
    recipe,
    expected: one,
  })),
);

describe('detectors agree with river, value by value', () => {
  it.each(cases)('$title', ({ recipe, expected }) => {
    const state = detectorFor(expected);
    const changes: number[] = [];
    const seen: number[][] = [];
    streamOf(recipe).forEach((value, index) => {
      if (updateDetector(state, value) !== undefined) changes.push(index);
      seen.push(figures(state));
    });
    const checkpoints = seen.filter((_, index) => (index + 1) % expected.every === 0);
    expect(changes).toEqual(expected.changes);
    expect(checkpoints).toEqual(expected.checkpoints);
    const bytes = new Uint8Array(Float64Array.from(seen.flat()).buffer);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected.sha256);
    expect(state.changes).toBe(changes.length);
  });

  it('on streams that put both detectors to the test', () => {
    expect(streams.length).toBeGreaterThanOrEqual(12);
    for (const detector of ['adwin', 'page_hinkley'] as const) {
      const found = cases.filter(({ expected }) => expected.detector === detector);
      expect(found.filter(({ expected }) => expected.changes.length > 0).length).toBeGreaterThan(8);
      expect(found.filter(({ expected }) => expected.changes.length === 0).length).toBeGreaterThan(8);
    }
  });
});

/** The first change that a detector finds in the values, and at which of them. */
function firstChange(state: DetectorState, values: Float64Array): { index: number; change: Change } {
  for (const [index, value] of values.entries()) {
    const change = updateDetector(state, value);
    if (change !== undefined) return { index, change };
  }
  throw new Error('the stream holds a change');
}

describe('a change', () => {
  const errors = streamOf({
    seed: 40,
    parts: [
      { kind: 'bernoulli', size: 4000, share: 0.02 },
      { kind: 'bernoulli', size: 2000, share: 0.3 },
    ],
  });
  const detectors = [() => createAdwin(), () => createPageHinkley({ threshold: 20, delta: 0.05 })];

  it.each(detectors)('tells what it was before', (create) => {
    const { index, change } = firstChange(create(), errors);
    expect(index).toBeGreaterThan(4000);
    expect(index).toBeLessThan(4200);
    expect(change.direction).toBe('up');
    expect(change.before).toBeCloseTo(0.02, 2);
    expect(change.after).toBeGreaterThan(0.1);
    // ADWIN cuts at whole buckets, so that the young side keeps some of the old values.
    expect(Math.abs(change.since - (index - 3999))).toBeLessThan(250);
  });

  it.each(detectors)('may be for the better', (create) => {
    const { index, change } = firstChange(create(), errors.toReversed());
    expect(index).toBeGreaterThan(2000);
    expect(index).toBeLessThan(2200);
    expect(change.direction).toBe('down');
    expect(change.before).toBeCloseTo(0.3, 1);
    expect(change.after).toBeLessThan(0.2);
  });
});

describe('the state of a detector', () => {
  const detector = fc.constantFrom(
    () => createAdwin({ clock: 3, delta: 0.3 }),
    () => createPageHinkley({ threshold: 5, minimumValues: 4 }),
  );
  const value = fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 8, max: 9 }),
    fc.double({ min: -1e3, max: 1e3 }),
  );

  it('goes through JSON at any moment without a trace', () => {
    fc.assert(
      fc.property(
        detector,
        fc.array(value, { maxLength: 200, size: 'max' }),
        fc.nat(200),
        (create, values, at) => {
          const state = create();
          let resumed: DetectorState = create();
          values.forEach((one, index) => {
            if (index === at) resumed = detectorStateSchema.parse(JSON.parse(JSON.stringify(resumed)));
            expect(updateDetector(resumed, one)).toEqual(updateDetector(state, one));
          });
          expect(JSON.stringify(resumed)).toBe(JSON.stringify(state));
        },
      ),
    );
  });

  it('is left alone by missing values, and stays finite whatever comes', () => {
    const anything = fc.array(fc.oneof(fc.double(), value), { maxLength: 150, size: 'max' });
    fc.assert(
      fc.property(detector, anything, (create, values) => {
        const state = create();
        const present = create();
        for (const one of values) {
          const change = updateDetector(state, one);
          if (Number.isFinite(one)) expect(change).toEqual(updateDetector(present, one));
          for (const figure of Object.values(change ?? {}))
            if (typeof figure === 'number') expect(figure).toSatisfy(Number.isFinite);
        }
        expect(state).toEqual(present);
        expect(detectorStateSchema.parse(JSON.parse(JSON.stringify(state)))).toBeDefined();
      }),
    );
  });

  it('stays small', () => {
    const state = createAdwin();
    for (let count = 0; count < 100_000; count++) updateDetector(state, count % 2);
    expect(state.window.width).toBe(100_000);
    expect(JSON.stringify(state).length).toBeLessThan(5000);
  });

  it.each([
    ['{"kind":"kswin"}', /kind/],
    [JSON.stringify({ ...createAdwin(), ticks: -1 }), /ticks/],
    [
      JSON.stringify({ ...createAdwin(), window: { ...createAdwin().window, width: 5 } }),
      /buckets do not hold/,
    ],
  ])('is refused when it is not one: %s', (json, message) => {
    expect(() => detectorStateSchema.parse(JSON.parse(json))).toThrow(message);
  });
});
