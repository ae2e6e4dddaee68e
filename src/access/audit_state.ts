import { z } from 'zod';
import type { Database } from '../storage/database.ts';
import { auditPages } from './audit_trail.ts';
import { type GuardedState, readState } from './guarded_state.ts';

const hashes = z.record(z.string(), z.string());
const stateSchema = z.strictObject({
  model: hashes.nullable(),
  versions: z.record(z.string(), hashes),
  steps: hashes,
});

/** The last state of each thing by the entries, and which entry says so. */
interface Told {
  hash: string;
  sequence: number;
}
interface ToldModel {
  sequence: number;
  model: Record<string, string> | null;
  versions: Map<string, { sequence: number; rows: Record<string, string> }>;
  steps: Map<string, Told>;
}

/** A row that differs from what its last entry recorded. */
export interface StateFault {
  /** Such as `gate_policies production of churn`. */
  row: string;
  /** Such as `was altered after entry 12, by something that makes no entry`. */
  fault: string;
}

/**
 * Compares the state that the entries of the audit trail record with the database: names every row that was altered,
 * added or removed without an entry. Read it in a snapshot.
 */
export async function checkAuditState(
  database: Database,
  report: (fault: StateFault) => void,
  progress: (models: number) => void = () => undefined,
): Promise<void> {
  const told = await readTold(database, (sequence) =>
    report({ row: `entry ${sequence}`, fault: 'tells a state that cannot be read' }),
  );
  const ids = new Set(told.keys());
  for (const table of [
    'models',
    'versions',
    'stage_transitions',
    'deleted_versions',
    'gate_policies',
  ] as const)
    for (const { model_id } of await database.selectFrom(table).select('model_id').distinct().execute())
      ids.add(model_id);
  let done = 0;
  for (const modelId of [...ids].sort()) {
    compareModel(modelId, told.get(modelId), await readState(database, modelId), report);
    if (++done % 100 === 0) progress(done);
  }
}

async function readTold(
  database: Database,
  unreadable: (sequence: number) => void,
): Promise<Map<string, ToldModel>> {
  const told = new Map<string, ToldModel>();
  for await (const page of auditPages(database))
    for (const { sequence, model_id: modelId, state } of page) {
      if (state === null || modelId === null) continue;
      const read = parseState(state);
      if (read === undefined) {
        unreadable(sequence);
        continue;
      }
      const known = told.get(modelId) ?? { sequence, model: null, versions: new Map(), steps: new Map() };
      known.sequence = sequence;
      known.model = read.model;
      for (const [version, rows] of Object.entries(read.versions))
        known.versions.set(version, { sequence, rows });
      for (const [step, hash] of Object.entries(read.steps)) known.steps.set(step, { hash, sequence });
      told.set(modelId, known);
    }
  return told;
}

function parseState(text: string): GuardedState | undefined {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function compareModel(
  modelId: string,
  told: ToldModel | undefined,
  now: GuardedState,
  report: (fault: StateFault) => void,
): void {
  const compare = (
    what: (name: string) => string,
    before: Record<string, Told>,
    after: Record<string, string>,
    lastSequence: number | undefined,
  ) => {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const was = before[name];
      const is = after[name];
      if (was?.hash === is) continue;
      const since = was?.sequence ?? lastSequence;
      const change = was === undefined ? 'was put in' : is === undefined ? 'was taken away' : 'was altered';
      const when =
        since === undefined ? ', and no entry tells of it' : ` after entry ${since}, without an entry`;
      report({ row: what(name), fault: `${change}${when}` });
    }
  };
  const since = (rows: Record<string, string> | null | undefined, sequence = 0): Record<string, Told> =>
    Object.fromEntries(Object.entries(rows ?? {}).map(([name, hash]) => [name, { hash, sequence }]));
  compare(
    (name) => `${name} of ${modelId}`,
    since(told?.model, told?.sequence),
    now.model ?? {},
    told?.sequence,
  );
  for (const version of new Set([...(told?.versions.keys() ?? []), ...Object.keys(now.versions)])) {
    const known = told?.versions.get(version);
    compare(
      (name) => `${name} of ${modelId} ${version}`,
      since(known?.rows, known?.sequence),
      now.versions[version] ?? {},
      known?.sequence,
    );
  }
  compare(
    (name) => `stage_transitions of ${modelId} ${name.replace(/#(\d+)$/, ', step $1')}`,
    Object.fromEntries(told?.steps ?? []),
    now.steps,
    undefined,
  );
}
