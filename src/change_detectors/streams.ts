import { z } from 'zod';
import { createAdwin } from './adwin.ts';
import { type DetectorState, updateDetector } from './detector.ts';
import { createPageHinkley } from './page_hinkley.ts';

/** What is watched about the calls of a version: whether they fail, and the latency of those that do not. */
export const streamNames = ['errors', 'latency'] as const;
export type StreamName = (typeof streamNames)[number];

export const findingSchema = z.object({
  detector: z.enum(['adwin', 'page_hinkley']),
  direction: z.enum(['up', 'down']),
  /** Share of calls that failed, or geometric mean of the latency in milliseconds; before and after the change. */
  before: z.number(),
  after: z.number(),
  /** When the call at which it was found was made, milliseconds since 1970. */
  at: z.number(),
});

/** A change of a stream that is large enough to report. */
export type Finding = z.infer<typeof findingSchema>;

export const progressSchema = z.object({
  /** Calls that are averaged into one value; see {@link spellMs}. */
  spell: z.object({ began: z.number(), calls: z.int(), sum: z.number() }).nullable(),
  /** Changes that a detector reported and whose size is still being measured; see {@link confirming}. */
  suspected: z.array(
    z.object({
      detector: z.enum(['adwin', 'page_hinkley']),
      before: z.number(),
      at: z.number(),
      values: z.int(),
      sum: z.number(),
    }),
  ),
});

export interface Stream extends z.infer<typeof progressSchema> {
  detectors: DetectorState[];
  /** Newest first. */
  findings: Finding[];
}

/** A call as the detectors see it. */
export interface ObservedCall {
  at: number;
  /** null: unknown. */
  latencyMs: number | null;
  rows: number;
  failed: boolean;
}

const keptFindings = 20;
/** Calls with more rows are left out of latency, since theirs depends on the number of rows. */
const maxRows = 100;
/** Latencies below the clock's resolution count as this. */
const leastLatencyMs = 0.001;
/**
 * Slow calls come in groups, since whatever slows one down lasts a while; taken one by one they would look like a
 * change hundreds of times in a million calls. So latency is averaged over this many milliseconds, and the mean is
 * one value.
 */
const spellMs = 10_000;
/**
 * A detector reports a change after few values of it, when ADWIN's window still holds old values among the new; so
 * the new level is the mean of this many values that follow.
 */
const confirming: Record<StreamName, number> = { errors: 50, latency: 6 };
/**
 * Smaller changes are found in long streams but do not matter: as a difference of shares, and as a factor of latency.
 */
const leastErrorChange = 0.02;
const leastLatencyFactor = 1.25;

/**
 * Detectors that have seen nothing. ADWIN looks at every spell, since there are few of them. Page-Hinkley's are scaled
 * to their stream: a walk of standard deviation σ per value passes the threshold λ by chance about as often as
 * exp(−2δλ/σ²) says. Nothing is forgotten, since a sum that is settles where chance alone passes λ.
 */
export function createStream(name: StreamName): Stream {
  const detectors =
    name === 'errors'
      ? [createAdwin(), createPageHinkley({ delta: 0.02, threshold: 50, alpha: 1 })]
      : [createAdwin({ clock: 1 }), createPageHinkley({ delta: 0.1, threshold: 25, alpha: 1 })];
  return { detectors, spell: null, suspected: [], findings: [] };
}

/**
 * Takes calls in the order of time. Changes `stream`.
 *
 * @returns whether a change that is worth reporting was found
 */
export function watchCalls(name: StreamName, stream: Stream, calls: readonly ObservedCall[]): boolean {
  const before = stream.findings[0];
  for (const call of calls) {
    if (name === 'errors') take(name, stream, call.failed ? 1 : 0, call.at);
    else if (!call.failed && call.rows <= maxRows) takeLatency(stream, call);
  }
  return stream.findings[0] !== before;
}

/** Changes of latency are proportional, so its logarithm is averaged. */
function takeLatency(stream: Stream, { at, latencyMs }: ObservedCall): void {
  if (latencyMs === null) return;
  const value = Math.log(Math.max(leastLatencyMs, latencyMs));
  const { spell } = stream;
  // A clock that was set back ends a spell too; otherwise it would never end.
  if (spell !== null && Math.abs(at - spell.began) < spellMs) {
    spell.calls++;
    spell.sum += value;
    return;
  }
  stream.spell = { began: at, calls: 1, sum: value };
  if (spell !== null) take('latency', stream, spell.sum / spell.calls, at);
}

function take(name: StreamName, stream: Stream, value: number, at: number): void {
  if (stream.suspected.length > 0) confirm(name, stream, value);
  for (const detector of stream.detectors) {
    const change = updateDetector(detector, value);
    if (change === undefined || stream.suspected.some((one) => one.detector === detector.kind)) continue;
    stream.suspected.push({ detector: detector.kind, before: change.before, at, values: 0, sum: 0 });
  }
}

function confirm(name: StreamName, stream: Stream, value: number): void {
  for (const one of stream.suspected) {
    one.values++;
    one.sum += value;
    if (one.values < confirming[name]) continue;
    const finding = findingOf(name, one.detector, one.before, one.sum / one.values, one.at);
    if (finding !== undefined) stream.findings = [finding, ...stream.findings].slice(0, keptFindings);
  }
  stream.suspected = stream.suspected.filter(({ values }) => values < confirming[name]);
}

function findingOf(
  name: StreamName,
  detector: Finding['detector'],
  before: number,
  after: number,
  at: number,
): Finding | undefined {
  const direction = after > before ? 'up' : 'down';
  if (name === 'errors') {
    // A share computed step by step may leave 0 … 1 by rounding.
    const share = Math.min(1, Math.max(0, before));
    if (Math.abs(after - share) < leastErrorChange) return undefined;
    return { detector, direction, before: share, after, at };
  }
  if (Math.abs(after - before) < Math.log(leastLatencyFactor)) return undefined;
  return { detector, direction, before: Math.exp(before), after: Math.exp(after), at };
}
