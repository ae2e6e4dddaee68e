import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { journalDirectory } from '../../src/prediction_log/journal_directory.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';

/** A journaled call of one answered row. */
export function answered(given: Partial<PredictionEntry> & { modelId: string }): PredictionEntry {
  return {
    at: Date.UTC(2026, 0, 1),
    version: '1',
    route: 'active',
    entityKey: null,
    latencyMs: 2,
    predictionIds: [uuidv7()],
    features: [['x', [1]]],
    values: [0.5],
    probabilities: [null],
    error: null,
    ...given,
  };
}

/** A journaled call that the model failed. */
export function failed(given: Partial<PredictionEntry> & { modelId: string }): PredictionEntry {
  const error = { code: 'TIMEOUT' as const, message: 'too slow' };
  return answered({ features: null, values: [], probabilities: [], error, ...given });
}

export const linesOf = (entries: readonly PredictionEntry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

/** Above every process id that Linux or macOS gives, and no multiple of 4 as on Windows. */
const deadProcess = 2 ** 31 - 1;

/** Leaves a journal of a process that is gone. @returns its path. */
export function abandonedJournal(directory: string, content: string): string {
  const folder = journalDirectory(directory);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${hostname().replace(/[^A-Za-z0-9-]/g, '_')}~${deadProcess}~${uuidv7()}.jsonl`);
  writeFileSync(path, content);
  return path;
}
