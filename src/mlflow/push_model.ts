import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Memory } from './agreement.ts';
import { isTaken, MlflowError } from './mlflow_error.ts';
import { type FactsPlan, factsCell, factsMark, planFacts } from './plan_facts.ts';
import { ownTag, type Problem, planSync, type Step, versionKey } from './plan_sync.ts';
import { type OurModel, type OurVersion, readRegistryModel } from './registry_state.ts';
import type { Rest } from './rest.ts';
import type { ModelVersion, RegisteredModel } from './rest_answers.ts';
import { type SendDependencies, sendVersion } from './send_version.ts';
import { rememberVersion } from './version_map.ts';

export interface PushDependencies extends Omit<SendDependencies, 'experiment'> {
  database: Database;
  clock: () => number;
  experimentName: string;
  useStages: boolean;
}

export interface Push {
  modelId: string;
  /** Whether versions that were deleted in MLflow are created again. */
  restore: boolean;
  settled: boolean;
  /** Whether calls that were given up earlier may have been carried out since. */
  recheck: boolean;
  memory: Memory;
  /** Stores what may be in MLflow from now on. */
  remember(memory: Memory): Promise<void>;
}

/**
 * Brings MLflow into agreement with the registry about one model, from any state. What would overrule somebody's
 * change is reported instead.
 *
 * @returns remaining problems, and what both sides agree on
 * @throws MlflowError when a call fails; the push can then be repeated
 */
export async function pushModel(
  dependencies: PushDependencies,
  push: Push,
): Promise<{ problems: Problem[]; memory: Memory }> {
  const { database, rest, storeId, useStages } = dependencies;
  const { modelId, settled } = push;
  const ours = await readRegistryModel(database, modelId);
  if (ours === undefined) return { problems: [], memory: new Map() };
  const damaged = ours.damaged.map(({ version, why }) => ({ what: `${modelId} ${version}`, why }));
  const found = await rest.registeredModel(modelId);
  if (found === undefined && ours.versions.length === 0) return { problems: damaged, memory: new Map() };
  const model = found ?? (await createModel(rest, modelId));
  // With the model all its aliases and tags were deleted.
  const memory = found === undefined ? new Map() : push.memory;
  const versions = found === undefined ? [] : await rest.versionsOf(modelId);
  const placed = await placeVersions(dependencies, push, ours, versions);
  const now = placed.sent ? await rest.versionsOf(modelId) : versions;
  const plan = planSync(ours, { model, versions: now }, memory, { storeId, useStages, settled });
  for (const facts of await planAllFacts(dependencies, push, ours, now, memory)) {
    plan.steps.push(...facts.steps);
    plan.problems.push(...facts.problems);
    for (const [name, cell] of facts.before) plan.before.set(name, cell);
    for (const [name, cell] of facts.after) plan.after.set(name, cell);
  }
  if (plan.steps.length > 0) await push.remember(plan.before);
  const refused: Problem[] = [];
  for (const step of plan.steps) {
    try {
      await take(rest, modelId, step);
    } catch (error) {
      if (!(error instanceof MlflowError) || error.failure !== 'refused') throw error;
      refused.push({ what: `${modelId}: ${describe(step)}`, why: error.message });
    }
  }
  if (push.recheck && settled) await removeStrayRuns(dependencies, ours, now);
  // What was refused is not agreed on, so it is compared again next time.
  return {
    problems: [...damaged, ...placed.problems, ...plan.problems, ...refused],
    memory: refused.length > 0 ? plan.before : plan.after,
  };
}

async function createModel(rest: Rest, modelId: string): Promise<RegisteredModel> {
  try {
    await rest.createModel(modelId, { 'modelyard.model': modelId });
  } catch (error) {
    if (!isTaken(error)) throw error;
  }
  return { name: modelId, description: '', tags: new Map(), aliases: new Map() };
}

/** Finds or creates every version in MLflow, so that each has its number. */
async function placeVersions(
  dependencies: PushDependencies,
  push: Push,
  ours: OurModel,
  theirs: readonly ModelVersion[],
): Promise<{ problems: Problem[]; sent: boolean }> {
  const { database, rest, clock, storeId, experimentName } = dependencies;
  const problems: Problem[] = [];
  let experiment: string | undefined;
  let sent = false;
  const place = async (own: OurVersion, number: number, runId: string) => {
    const { modelId, version } = own.record;
    await database
      .deleteFrom('mlflow_versions')
      .where('model_id', '=', modelId)
      .where('version', '=', version)
      .execute();
    await rememberVersion(database, own.record, { number, runId }, clock());
    own.number = number;
  };
  for (const own of ours.versions) {
    const { record } = own;
    const what = `${record.modelId} ${record.version}`;
    const present = theirs.some(({ version }) => version === own.number);
    if (present) continue;
    const candidate = findOwn(theirs, storeId, own);
    if (candidate !== undefined) {
      if (candidate.tags.get(ownTag.sha256) === record.artifact.sha256)
        await place(own, candidate.version, candidate.run_id);
      else
        problems.push({
          what,
          why: `MLflow's version ${candidate.version} says that it is this version, but of other bytes.`,
        });
      continue;
    }
    if (own.number !== undefined && !push.restore) {
      problems.push({
        what,
        why: `Its version ${own.number} was deleted in MLflow. sync_mlflow with model_id=${record.modelId} makes it anew.`,
      });
      continue;
    }
    try {
      experiment ??= await rest.experiment(experimentName);
      const { number, runId } = await sendVersion({ ...dependencies, experiment }, own);
      await place(own, number, runId);
      sent = true;
    } catch (error) {
      // A failure of one version does not stop the others.
      const own =
        error instanceof MlflowError ? error.failure === 'refused' : error instanceof ModelYardError;
      if (!own || !(error instanceof ModelYardError) || error.code === 'CANCELLED') throw error;
      problems.push({ what, why: error.message });
    }
  }
  return { problems, sent };
}

/** Plans only for versions whose metrics or hyperparameters may differ there, since each needs a run to be read. */
async function planAllFacts(
  { rest, storeId }: PushDependencies,
  { restore, recheck, settled }: Push,
  ours: OurModel,
  theirs: readonly ModelVersion[],
  memory: Memory,
): Promise<FactsPlan[]> {
  const plans: FactsPlan[] = [];
  for (const own of ours.versions) {
    const other = theirs.find(({ version }) => version === own.number);
    if (other === undefined) continue;
    const isKnown = memory.get(factsCell(other.version))?.agreed === factsMark(own);
    const mayBeStale = recheck && own.record.updatedAt !== null;
    if (isKnown && !restore && !mayBeStale) continue;
    const run = other.run_id === '' ? undefined : await rest.findRun(other.run_id);
    const isOwnRun = run?.data.tags.get(ownTag.key) === versionKey(storeId, own);
    plans.push(planFacts(own, other, run, memory, { isOwnRun, settled }));
  }
  return plans;
}

/** The version in MLflow that is ours, by this store's key or else by its name; the first of several. */
function findOwn(
  theirs: readonly ModelVersion[],
  storeId: string,
  own: OurVersion,
): ModelVersion | undefined {
  const key = versionKey(storeId, own);
  return (
    theirs.find(({ tags }) => tags.get(ownTag.key) === key) ??
    theirs.find(
      ({ tags }) => tags.get(ownTag.version) === own.record.version && tags.get(ownTag.stage) !== 'deleted',
    )
  );
}

/** Deletes runs that a call created after it was given up and another run took its place. */
async function removeStrayRuns(
  { rest, storeId, experimentName }: PushDependencies,
  ours: OurModel,
  theirs: readonly ModelVersion[],
): Promise<void> {
  const used = new Set(theirs.map(({ run_id }) => run_id));
  const keys = new Set(
    ours.versions.filter(({ number }) => number !== undefined).map((own) => versionKey(storeId, own)),
  );
  const experiment = await rest.experiment(experimentName);
  for (const { info, data } of await rest.runsTagged(experiment, 'modelyard.model', ours.modelId))
    if (keys.has(data.tags.get(ownTag.key) ?? '') && !used.has(info.run_id))
      await rest.deleteRun(info.run_id);
}

async function take(rest: Rest, modelId: string, step: Step): Promise<void> {
  switch (step.kind) {
    case 'tag':
      if (step.number === undefined) {
        if (step.value === null) await rest.untagModel(modelId, step.key);
        else await rest.tagModel(modelId, step.key, step.value);
      } else if (step.value === null) await rest.untagVersion(modelId, step.number, step.key);
      else await rest.tagVersion(modelId, step.number, step.key, step.value);
      return;
    case 'describe':
      if (step.number === undefined) await rest.describeModel(modelId, step.value);
      else await rest.describeVersion(modelId, step.number, step.value);
      return;
    case 'stage':
      await rest.moveVersion(modelId, step.number, step.value);
      return;
    case 'alias':
      if (step.number === null) await rest.deleteAlias(modelId, step.alias);
      else await rest.setAlias(modelId, step.alias, step.number);
      return;
    case 'delete-duplicate':
      await rest.deleteVersion(modelId, step.number);
      return;
    case 'facts':
      await rest.logBatch(step.runId, step.batch);
      return;
  }
}

function describe(step: Step): string {
  switch (step.kind) {
    case 'tag':
      return `tag ${step.key}`;
    case 'describe':
      return 'description';
    case 'stage':
      return `stage ${step.value}`;
    case 'alias':
      return `alias ${step.alias}`;
    case 'delete-duplicate':
      return `version ${step.number}, which was sent twice`;
    case 'facts':
      return step.what;
  }
}
