import { z } from 'zod';
import { createAdwin } from './adwin.ts';
import { type DetectorState, updateDetector } from './detector.ts';
import { createPageHinkley } from './page_hinkley.ts';

/** What is watched of the calls of a version: whether they fail, and how long those take that do not. */
export const streamNames = ['errors', 'latency'] as const;
export type StreamName = (typeof streamNames)[number];

export const findingSchema = z.object({
  detector: z.enum(['adwin', 'page_hinkley']),
  direction: z.enum(['up', 'down']),
  /** Share of calls that failed, or the geometric mean of the latency in milliseconds. */
  before: z.number(),
  after: z.number(),
  /** Time of the call at which it was found, milliseconds since 1970. */
  at: z.number(),
});

/** A change of a stream that is worth telling. */
export type Finding = z.infer<typeof findingSchema>;

export const progressSchema = z.object({
  /** Calls of a short time that count as one value; see {@link spellMs}. */
  spell: z.object({ began: z.number(), calls: z.int(), sum: z.number() }).nullable(),
  /** Changes that a detector saw and whose size the next values are to tell; see {@link confirming}. */
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
  latencyMs: number;
  rows: number;
  failed: boolean;
}

const keptFindings = 20;
/** The time of larger calls is that of their rows. */
const mostRows = 100;
/** The clock is no finer. */
const leastLatencyMs = 0.001;
/**
 * Slow calls come together, for whatever made one slow lasts a while; taken one by one they look like a change
 * hundreds of times a million calls. So the calls of this time, milliseconds, are one value: their mean.
 */
const spellMs = 10_000;
/**
 * A detector sees a change when little of it is there, and ADWIN then still has old values among the new: what there
 * is afterwards is the mean of so many values that follow.
 */
const confirming: Record<StreamName, number> = { errors: 50, latency: 6 };
/** Smaller changes are found in long streams, and matter to nobody: in shares, and as a factor. */
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
 * @returns whether something worth telling was found.
 */
export function watchCalls(name: StreamName, stream: Stream, calls: readonly ObservedCall[]): boolean {
  const before = stream.findings[0];
  for (const call of calls) {
    if (name === 'errors') take(name, stream, call.failed ? 1 : 0, call.at);
    else if (!call.failed && call.rows <= mostRows) takeLatency(stream, call);
  }
  return stream.findings[0] !== before;
}

/** Latencies are multiplied, not added to: what is averaged is their logarithm. */
function takeLatency(stream: Stream, { at, latencyMs }: ObservedCall): void {
  const value = Math.log(Math.max(leastLatencyMs, latencyMs));
  const { spell } = stream;
  // A clock that was set back begins another spell too, or none would end.
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
    // A mean of shares that was computed step by step may be off by a rounding.
    const share = Math.min(1, Math.max(0, before));
    if (Math.abs(after - share) < leastErrorChange) return undefined;
    return { detector, direction, before: share, after, at };
  }
  if (Math.abs(after - before) < Math.log(leastLatencyFactor)) return undefined;
  return { detector, direction, before: Math.exp(before), after: Math.exp(after), at };
}
