import { ModelYardError } from '../../errors.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { Breakers } from '../breakers.ts';
import { readPredictions } from '../codec/predictions.ts';
import { encodeRecords } from '../codec/records.ts';
import type { Engine } from '../engine/engine.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { circuitOpen } from '../predict.ts';
import { explainNotRouted, findServed, type ServedModels } from '../served_models.ts';
import type { RunRecords } from './answer_rows.ts';

/** The one version that answers a whole file. */
export interface FileModel {
  record: VersionRecord;
  route: 'active' | 'pinned';
  /** The latency from which a call to the version counts as slow, milliseconds. */
  slowMs: number;
  /**
   * Runs records, unlogged.
   * @throws SIGNATURE_MISMATCH, INFERENCE_FAILED, LIMIT_EXCEEDED, CIRCUIT_OPEN, NOT_DEPLOYED, TIMEOUT, ENGINE_CRASHED
   */
  run: RunRecords;
}

export interface FileModelDependencies {
  database: Database;
  served: ServedModels;
  engine: Engine;
  breakers: Breakers;
}

/** What says that the model is at fault; a file's bad rows are found by runs that fail, which must not open it. */
const countsAgainstModel: readonly string[] = ['TIMEOUT', 'ENGINE_CRASHED', 'ARTIFACT_MISMATCH'];

/**
 * The pinned version, or the one with the most traffic now.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED
 */
export async function chooseFileModel(
  { database, served, engine, breakers }: FileModelDependencies,
  modelId: string,
  pinned: string | undefined,
): Promise<FileModel> {
  const findVersion = async (version: string | undefined) => {
    const model = await served.read(modelId);
    if (version !== undefined) return findServed(database, modelId, version, model);
    const active = model.versions.get(model.route?.activeVersion ?? '');
    return active ?? explainNotRouted(database, modelId, model);
  };
  const { record, policy } = await findVersion(pinned);
  return {
    record,
    route: pinned === undefined ? 'active' : 'pinned',
    slowMs: policy.slowMs,
    async run(records) {
      const tensors = encodeRecords(record.signature, records);
      // Read again: the version may be retired and its breaker may open while a file is being answered.
      const version = await findVersion(record.version);
      if (!breakers.allows(version)) throw circuitOpen(modelId, [version]);
      const ticket = breakers.begin(version);
      const started = performance.now();
      let outputs: NamedTensors;
      try {
        outputs = await engine.run(version.engineModel, tensors);
      } catch (error) {
        const counts = error instanceof ModelYardError && countsAgainstModel.includes(error.code);
        const latencyMs = performance.now() - started;
        breakers.end(version, ticket, counts ? { failed: true, latencyMs } : 'not_counted');
        throw error;
      }
      breakers.end(version, ticket, { failed: false, latencyMs: performance.now() - started });
      return readPredictions(record.signature.outputs, outputs, record.classLabels, records.length);
    },
  };
}
