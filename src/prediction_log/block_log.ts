import { setImmediate as turn } from 'node:timers/promises';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import type { BlockSink, PredictionBlock } from '../serving/prediction_sink.ts';
import { storeIdOf } from '../storage/store_identity.ts';
import { segmentOfBlock } from './block_segment.ts';
import { inTurns } from './in_turns.ts';
import { mergeSegments, type Segment } from './segment.ts';
import { type SegmentCall, writeSegmentFile } from './segment_file.ts';
import { encodingSegment, fullWeight } from './segment_store.ts';

/** A segment is also full with this many cells, so that encoding it holds nobody up. */
const maxCells = 500_000;

/**
 * Puts blocks together to full segments and leaves those among the journals, from where they are moved to the database as
 * they are: no row is written as JSON.
 * @param without removes what is not to be logged
 * @param written told of the calls and bytes that wait to be moved
 */
export function blockLog(
  directory: string,
  without: (block: PredictionBlock) => PredictionBlock,
  written: (calls: number, bytes: number) => void,
): BlockSink {
  let held: Segment[] = [];
  let calls: SegmentCall[] = [];
  let [rows, cells] = [0, 0];

  const write = async () => {
    const [segments, ofCalls] = [held, calls];
    if (segments.length === 0) return;
    held = [];
    calls = [];
    [rows, cells] = [0, 0];
    const merged = mergeSegments(segments);
    await turn();
    const segment = await inTurns(encodingSegment(merged));
    await turn();
    try {
      if (storeIdOf(directory) === undefined) throw new Error(`${directory} is gone`);
      const bytes = await writeSegmentFile(directory, { segment, calls: ofCalls });
      written(ofCalls.length, bytes);
    } catch (error) {
      throw new ModelYardError(
        'STORAGE_UNAVAILABLE',
        `Predictions were made but could not be logged (${systemCodeOf(error) ?? 'write failed'}), so they are not answered.`,
        'Check that the disk of MODEL_REGISTRY_DIR is writable and not full, then call again.',
        { cause: error },
      );
    }
  };

  return {
    async add(given) {
      const block = without(given);
      const { at, modelId, version, route, latencyMs } = block;
      const segment = segmentOfBlock(block);
      // A segment covers one day of one version.
      const [first] = held;
      const isAlike = first?.modelId === modelId && first.version === version && first.day === segment.day;
      if (!isAlike) await write();
      held.push(segment);
      calls.push({ at, modelId, version, route, latencyMs, rows: segment.rows });
      rows += segment.rows;
      cells += segment.rows * (segment.answers.size + segment.features.size);
      if (rows >= fullWeight || cells >= maxCells) await write();
    },
    finish: write,
  };
}
