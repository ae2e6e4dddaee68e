import type { Stage } from '../registry/stages.ts';
import { type Cell, judge, type Memory, neverAgreed, withAgreed, withSent } from './agreement.ts';
import type { OurModel, OurVersion } from './registry_state.ts';
import type { Batch } from './rest.ts';
import type { ModelVersion, RegisteredModel } from './rest_answers.ts';

/** One write to MLflow's registry, about a version when `number` is given, else about the model. */
export type Step =
  | { kind: 'tag'; number?: number; key: string; value: string | null }
  | { kind: 'describe'; number?: number; value: string }
  | { kind: 'stage'; number: number; value: string }
  | { kind: 'alias'; alias: string; number: number | null }
  | { kind: 'delete-duplicate'; number: number }
  | { kind: 'facts'; what: string; runId: string; batch: Batch };

/** A difference that stays in MLflow until a person decides. */
export interface Problem {
  what: string;
  why: string;
}

export interface SyncPlan {
  steps: Step[];
  problems: Problem[];
  /** Stored before the steps, so that whatever may arrive is known. */
  before: Map<string, Cell>;
  /** Stored after all steps. */
  after: Map<string, Cell>;
}

export interface SyncOptions {
  storeId: string;
  useStages: boolean;
  /** Whether no call that was given up can still arrive. */
  settled: boolean;
}

/** Tags that identify a version in MLflow as ours. */
export const ownTag = {
  version: 'modelyard.version',
  stage: 'modelyard.stage',
  sha256: 'modelyard.artifact_sha256',
  key: 'modelyard.key',
  /** Metrics and hyperparameters as JSON, where the version's run cannot hold them. */
  metrics: 'modelyard.metrics',
  hyperparameters: 'modelyard.hyperparameters',
} as const;

/** Identifies a version of this store among all others, and a version that was created twice. */
export function versionKey(storeId: string, { record }: Pick<OurVersion, 'record'>): string {
  return `${storeId}/${record.modelId}/${record.version}/${record.artifact.sha256.slice(0, 16)}`;
}

const mlflowStage: Record<Stage, string> = {
  development: 'None',
  staging: 'Staging',
  production: 'Production',
  archived: 'Archived',
};

/**
 * What must be written so that MLflow says of a model what the registry says; every version that can be there is
 * there already. What somebody else changed in MLflow since both agreed is not written over: it is a problem.
 */
export function planSync(
  ours: OurModel,
  theirs: { model: RegisteredModel; versions: readonly ModelVersion[] },
  memory: Memory,
  { storeId, useStages, settled }: SyncOptions,
): SyncPlan {
  const steps: Step[] = [];
  const problems: Problem[] = [];
  const before = new Map(memory);
  const after = new Map(memory);

  const compare = (
    name: string,
    own: string | null,
    other: string | null,
    what: string,
    step: Step,
    cell = memory.get(name) ?? neverAgreed,
  ) => {
    const verdict = judge(own, other, cell);
    if (verdict === 'conflict') {
      problems.push({ what, why: `In MLflow it was made ${shown(other)}; here it is ${shown(own)}.` });
      return;
    }
    after.set(name, withAgreed(cell, own, settled));
    if (verdict === 'same') before.set(name, withAgreed(cell, own, settled));
    else {
      before.set(name, withSent(cell, own));
      // An older call that was given up may still overwrite what was just sent.
      after.set(name, withAgreed(withSent(cell, own), own, settled));
      steps.push(step);
    }
  };

  /** Compares tags that both sides can change, and tags that were sent once and are removed here. */
  const compareTags = (
    subject: string,
    own: ReadonlyMap<string, string>,
    other: ReadonlyMap<string, string>,
    number?: number,
  ) => {
    const prefix = number === undefined ? 'model tag ' : `${number} tag `;
    const known = [...memory.keys()].filter((name) => name.startsWith(prefix));
    const names = new Set([...own.keys(), ...known.map((name) => name.slice(prefix.length))]);
    for (const key of [...names].filter((name) => !/^(mlflow|modelyard)\./.test(name))) {
      const what = `${subject}: tag ${key}`;
      if (!isTagName(key)) {
        if (own.has(key))
          problems.push({
            what,
            why: 'MLflow takes letters, digits and _ - . : / and spaces in names only.',
          });
        continue;
      }
      const value = own.get(key) ?? null;
      compare(`${prefix}${key}`, value, other.get(key) ?? null, what, {
        kind: 'tag',
        key,
        value,
        ...(number !== undefined && { number }),
      });
    }
  };

  compareTags(ours.modelId, ours.tags, theirs.model.tags);
  // A description that never existed here belongs to MLflow.
  if (ours.description !== null || memory.has('model description'))
    compare(
      'model description',
      ours.description,
      theirs.model.description || null,
      `${ours.modelId}: description`,
      { kind: 'describe', value: ours.description ?? '' },
    );

  const byNumber = new Map(theirs.versions.map((version) => [version.version, version]));
  for (const own of ours.versions) {
    const other = own.number === undefined ? undefined : byNumber.get(own.number);
    if (other === undefined) continue;
    const { record } = own;
    const number = other.version;
    const marks = [
      [ownTag.version, record.version],
      [ownTag.stage, record.stage],
      [ownTag.sha256, record.artifact.sha256],
    ] as const;
    for (const [key, value] of marks)
      if (other.tags.get(key) !== value) steps.push({ kind: 'tag', number, key, value });
    const what = `${ours.modelId} ${record.version}`;
    compareTags(what, own.tags, other.tags, number);
    if (record.description !== null || memory.has(`${number} description`))
      compare(
        `${number} description`,
        record.description,
        other.description || null,
        `${what}: description`,
        { kind: 'describe', number, value: record.description ?? '' },
      );
    if (useStages) {
      const stage = mlflowStage[record.stage];
      const known = (value: string) => (value === 'None' ? null : value);
      compare(`${number} stage`, known(stage), known(other.current_stage), `${what}: stage`, {
        kind: 'stage',
        number,
        value: stage,
      });
    }
    const key = versionKey(storeId, own);
    const used = new Set(theirs.model.aliases.values());
    for (const double of theirs.versions)
      if (double.tags.get(ownTag.key) === key && double.version !== number && !used.has(double.version))
        steps.push({ kind: 'delete-duplicate', number: double.version });
  }
  for (const { number } of ours.deleted)
    if (byNumber.has(number) && byNumber.get(number)?.tags.get(ownTag.stage) !== 'deleted')
      steps.push({ kind: 'tag', number, key: ownTag.stage, value: 'deleted' });

  planAliases();
  return { steps, problems, before, after };

  function planAliases(): void {
    const prefix = 'alias ';
    const known = [...memory.keys()].filter((name) => name.startsWith(prefix));
    const numbers = new Map(ours.versions.map((own) => [own.record.version, own.number]));
    for (const alias of new Set([
      ...ours.aliases.keys(),
      ...known.map((name) => name.slice(prefix.length)),
    ])) {
      const version = ours.aliases.get(alias);
      const what = `${ours.modelId}: alias ${alias}`;
      if (!/^[\w-]{1,255}$/.test(alias) || /^v\d+$|^latest$/i.test(alias)) {
        if (version !== undefined)
          problems.push({ what, why: 'MLflow does not take this name for an alias.' });
        continue;
      }
      const number = version === undefined ? null : numbers.get(version);
      // The version could not be sent, which is reported by itself.
      if (number === undefined || (number !== null && !byNumber.has(number))) continue;
      const name = `${prefix}${alias}`;
      const { agreed, sent } = memory.get(name) ?? neverAgreed;
      // Deleting a version in MLflow removes its aliases: nobody decided against the alias.
      const gone = agreed !== null && !byNumber.has(Number(agreed));
      const other = textOf(theirs.model.aliases.get(alias) ?? null);
      const step: Step = { kind: 'alias', alias, number };
      compare(name, textOf(number), other, what, step, { agreed: gone ? null : agreed, sent });
    }
  }
}

function isTagName(name: string): boolean {
  return /^[\w\-. :/]{1,250}$/.test(name);
}

function textOf(number: number | null): string | null {
  return number === null ? null : String(number);
}

/** A value as it stands in a sentence. */
export function shown(value: string | null): string {
  return value === null ? 'nothing' : JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
