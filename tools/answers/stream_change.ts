import { z } from 'zod';
import { type StreamFinding, streamNames } from '../../src/change_detectors/index.ts';
import { isoTime } from './schemas.ts';

/** A change that a detector found in the calls of a version: of the share of errors, or of the typical latency in ms. */
export const streamChange = z.strictObject({
  stream: z.enum(streamNames),
  detector: z.enum(['adwin', 'page_hinkley']),
  direction: z.enum(['up', 'down']),
  from: z.number(),
  to: z.number(),
  found_at: z.string(),
});

export function streamChangeAnswer({
  stream,
  detector,
  direction,
  before,
  after,
  at,
}: StreamFinding): z.input<typeof streamChange> {
  const short = (value: number) => Number(value.toPrecision(4));
  return { stream, detector, direction, from: short(before), to: short(after), found_at: isoTime(at) };
}
