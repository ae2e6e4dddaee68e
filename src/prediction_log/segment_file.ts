import { createHash } from 'node:crypto';
import { mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isPlainObject } from '../plain_object.ts';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import { renameFile } from '../storage/rename_file.ts';
import type { PredictionSegmentRow } from '../storage/schema.ts';
import { newSegmentName, unfinishedSuffix } from './journal.ts';
import { journalDirectory } from './journal_directory.ts';
import type { EncodedSegment } from './segment_store.ts';

/**
 * A whole segment that waits among the journals to be moved to the database, as it will be stored. The file appears
 * whole: the digest of all that follows, a line of JSON, the parts' bytes.
 */
export interface WaitingSegment {
  segment: EncodedSegment;
  /** The calls whose rows it has, for what is counted by calls. */
  calls: SegmentCall[];
}

export type SegmentCall = Pick<PredictionEntry, 'at' | 'modelId' | 'version' | 'route' | 'latencyMs'> & {
  rows: number;
};

const headerSchema = z.object({
  row: z.custom<PredictionSegmentRow>(isPlainObject),
  parts: z.array(z.tuple([z.enum(['answers', 'features', 'outcomes']), z.number().int()])),
  calls: z.array(z.custom<SegmentCall>(isPlainObject)),
});

const digestBytes = 32;
const lineFeed = 10;

/** @returns the bytes written. */
export async function writeSegmentFile(
  directory: string,
  { segment: { row, parts }, calls }: WaitingSegment,
): Promise<number> {
  const header = { row, parts: parts.map(({ part, bytes }) => [part, bytes.length]), calls };
  const content = Buffer.concat([
    Buffer.from(`${JSON.stringify(header)}\n`),
    ...parts.map(({ bytes }) => bytes),
  ]);
  const folder = journalDirectory(directory);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, newSegmentName());
  const unfinished = `${path}${unfinishedSuffix}`;
  try {
    await writeFile(unfinished, Buffer.concat([digestOf(content), content]), { mode: 0o600 });
    await renameFile(unfinished, path);
  } catch (error) {
    await unlink(unfinished).catch(() => undefined);
    throw error;
  }
  return content.length + digestBytes;
}

/**
 * @returns undefined for one that is damaged
 * @throws when it cannot be read, or is not there any more
 */
export async function readSegmentFile(path: string): Promise<WaitingSegment | undefined> {
  const bytes = await readFile(path);
  const content = bytes.subarray(digestBytes);
  if (!digestOf(content).equals(bytes.subarray(0, digestBytes))) return undefined;
  let at = content.indexOf(lineFeed) + 1;
  const { row, parts, calls } = headerSchema.parse(JSON.parse(content.toString('utf8', 0, at)));
  const read = parts.map(([part, length]) => {
    at += length;
    return { part, bytes: content.subarray(at - length, at) };
  });
  return { segment: { row, parts: read }, calls };
}

function digestOf(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}
