import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import type { Signature } from '../registry/signature.ts';
import { type VersionRecord, versionRecord } from '../registry/version_record.ts';
import type { VersionRow } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';
import type { EngineModel } from './engine/engine.ts';
import type { InputSizes } from './engine/warmup.ts';

/** What is stored of a deployed version and calls need; or the fault, where that is damaged. */
export function readStoredVersion(
  row: VersionRow & { input_sizes: string | null },
): { record: VersionRecord; sizes: InputSizes | undefined } | { damage: ModelYardError } {
  try {
    return { record: versionRecord(row), sizes: parseSizes(row) };
  } catch (error) {
    if (error instanceof ModelYardError) return { damage: error };
    throw error;
  }
}

export function engineKey(modelId: string, version: string): string {
  return `${modelId}@${version}`;
}

/** The model and version of a key: neither may have an @ in its name. */
export function versionOfKey(key: string): [modelId: string, version: string] {
  const [modelId = '', version = ''] = key.split('@');
  return [modelId, version];
}

const sizesSchema = z.array(z.tuple([z.string(), z.array(z.number())]));

/** @throws INTERNAL when they are damaged */
export function parseSizes(row: {
  model_id: string;
  version: string;
  input_sizes: string | null;
}): InputSizes | undefined {
  if (row.input_sizes === null) return undefined;
  const of = `the deployment of ${row.model_id} ${row.version}`;
  return new Map(
    readStored(sizesSchema, row.input_sizes, { table: 'deployments', column: 'input_sizes', of }),
  );
}

/**
 * @param instances undefined leaves the engine's number as it is.
 * @param sizes of inputs that are known to fit; by default the widths that the features' names tell
 * @param engine the name of the engine that it is deployed on; by default the embedded one
 */
export function engineModel(
  record: VersionRecord,
  instances: number | undefined,
  sizes: InputSizes = widthsOf(record.signature),
  engine?: string,
): EngineModel {
  return {
    key: engineKey(record.modelId, record.version),
    engine,
    artifact: record.artifact,
    inputs: record.signature.inputs,
    outputs: record.signature.outputs,
    sizes,
    instances,
  };
}

function widthsOf({ inputs, features }: Signature): InputSizes {
  return new Map(
    inputs
      .filter(({ shape }) => shape.length === 2 && shape[1] === -1)
      .map(({ name }) => [name, [-1, features.filter(({ input }) => input === name).length || -1]]),
  );
}
