import { createHash } from 'node:crypto';
import { type Cell, judge, type Memory, neverAgreed, withAgreed, withSent } from './agreement.ts';
import { ownTag, type Problem, type Step, shown } from './plan_sync.ts';
import type { OurVersion } from './registry_state.ts';
import type { Metric } from './rest.ts';
import type { ModelVersion, Run } from './rest_answers.ts';
import { runFacts } from './run_facts.ts';

/** The writes that bring a version's metrics and hyperparameters in MLflow up to date. */
export interface FactsPlan {
  steps: Step[];
  problems: Problem[];
  /** Cells to store before the steps, and after all of them. */
  before: [string, Cell][];
  after: [string, Cell][];
}

export interface FactsOptions {
  /** Whether this store created the run for the version: other runs are not written to. */
  isOwnRun: boolean;
  settled: boolean;
}

/** The cell that tells whether the metrics and hyperparameters were changed since they were sent. */
export function factsCell(number: number): string {
  return `${number} facts`;
}

/** The metrics and hyperparameters as one text. */
export function factsMark({ record, metrics }: OurVersion): string {
  const text = JSON.stringify([[...metrics].sort(), record.hyperparameters]);
  return createHash('sha256').update(text).digest('hex');
}

/** The longest tag value that every version of MLflow accepts. */
const longestTag = 5000;

/**
 * MLflow keeps every point of a metric, and the last one counts: a new value is a new point, one that was taken away
 * here ends with NaN. A parameter never changes there: new ones are added, and where the run cannot say what is so
 * here (also a run that is not ours), a tag of the version does. What somebody else logged in the run under the name
 * of a metric is not written over: it is a problem.
 * @param run what the version in MLflow points to; undefined: it is gone, or there never was one.
 */
export function planFacts(
  own: OurVersion,
  other: ModelVersion,
  run: Run | undefined,
  memory: Memory,
  { isOwnRun, settled }: FactsOptions,
): FactsPlan {
  const plan: FactsPlan = { steps: [], problems: [], before: [], after: [] };
  const { record } = own;
  const facts = runFacts(own);
  const what = `${record.modelId} ${record.version}`;
  const writable = isOwnRun ? run : undefined;
  if (writable !== undefined) {
    addParams(writable);
    compareMetrics(writable);
  }
  tag(ownTag.metrics, Object.fromEntries(own.metrics), saysMetrics());
  tag(ownTag.hyperparameters, record.hyperparameters ?? {}, saysParams());
  if (plan.problems.length === 0)
    plan.after.push([
      factsCell(other.version),
      withAgreed(memory.get(factsCell(other.version)) ?? neverAgreed, factsMark(own), true),
    ]);
  return plan;

  function addParams({ info, data }: Run): void {
    const added = [...facts.params].filter(([name]) => !data.params.has(name));
    for (const params of pagesOf(added))
      plan.steps.push({ kind: 'facts', what: 'hyperparameters', runId: info.run_id, batch: { params } });
  }

  function compareMetrics({ info, data }: Run): void {
    const prefix = `${other.version} metric `;
    const remembered = [...memory.keys()].flatMap((name) =>
      name.startsWith(prefix) ? [name.slice(prefix.length)] : [],
    );
    const first = [...data.metrics.values()].filter(isFirst).map(({ key }) => key);
    const points: Metric[] = [];
    for (const key of new Set([...facts.metrics.keys(), ...remembered, ...first])) {
      const point = data.metrics.get(key);
      const [ours, theirs] = [textOf(facts.metrics.get(key)), textOf(point?.value)];
      // What was sent with the version itself has no cell.
      const unwritten = point !== undefined && isFirst(point) ? { agreed: theirs, sent: [] } : neverAgreed;
      const name = `${prefix}${key}`;
      const cell = memory.get(name) ?? unwritten;
      const verdict = judge(ours, theirs, cell);
      if (verdict === 'conflict') {
        plan.problems.push({
          what: `${what}: metric ${key}`,
          why: `In MLflow it was made ${shown(theirs)}; here it is ${shown(ours)}.`,
        });
        continue;
      }
      if (verdict === 'same') {
        if (memory.has(name)) both(name, withAgreed(cell, ours, settled));
        continue;
      }
      plan.before.push([name, withSent(cell, ours)]);
      plan.after.push([name, withAgreed(withSent(cell, ours), ours, settled)]);
      points.push({
        key,
        value: facts.metrics.get(key) ?? Number.NaN,
        timestamp: record.updatedAt ?? record.createdAt,
        step: (point?.step ?? -1) + 1,
      });
    }
    for (const metrics of pagesOf(points))
      plan.steps.push({ kind: 'facts', what: 'metrics', runId: info.run_id, batch: { metrics } });
  }

  /** Whether the point was sent with the version. */
  function isFirst({ timestamp, step }: { timestamp: number; step: number }): boolean {
    return step === 0 && timestamp === record.createdAt;
  }

  function both(name: string, cell: Cell): void {
    plan.before.push([name, cell]);
    plan.after.push([name, cell]);
  }

  /** Whether the run agrees with the metrics here once the steps are done. */
  function saysMetrics(): boolean {
    if (!facts.metricsAreWhole) return false;
    if (writable !== undefined) return true;
    const theirs = [...(run?.data.metrics.values() ?? [])].filter(({ value }) => Number.isFinite(value));
    return (
      theirs.length === own.metrics.size && theirs.every(({ key, value }) => own.metrics.get(key) === value)
    );
  }

  function saysParams(): boolean {
    if (!facts.paramsAreWhole) return false;
    const theirs = new Map([...(writable === undefined ? [] : facts.params), ...(run?.data.params ?? [])]);
    return (
      theirs.size === facts.params.size &&
      [...theirs].every(([name, value]) => facts.params.get(name) === value)
    );
  }

  function tag(key: string, all: Record<string, unknown>, runSaysIt: boolean): void {
    const value = runSaysIt ? null : JSON.stringify(all);
    if (value !== null && value.length > longestTag) {
      plan.problems.push({
        what: `${what}: ${key}`,
        why: `The version's run in MLflow cannot be made to say it, and for a tag it is too long (${value.length} characters of at most ${longestTag}).`,
      });
      return;
    }
    if ((other.tags.get(key) ?? null) !== value)
      plan.steps.push({ kind: 'tag', number: other.version, key, value });
  }
}

function textOf(value: number | undefined): string | null {
  return value === undefined || Number.isNaN(value) ? null : String(value);
}

/** Parameters that MLflow accepts in one call. */
const batchSize = 100;

export function pagesOf<T>(entries: readonly T[]): T[][] {
  const count = Math.ceil(entries.length / batchSize);
  return Array.from({ length: count }, (_, index) =>
    entries.slice(index * batchSize, (index + 1) * batchSize),
  );
}
