import { type Kysely, sql } from 'kysely';
import { messageOf } from '../errors.ts';
import { judgeTransition, stages } from '../registry/stages.ts';
import { versionRecord } from '../registry/version_record.ts';
import type { StageTransitionRow, Tables, VersionRow } from '../storage/schema.ts';
import { fromBackup, problem, type Report } from './finding.ts';

const pageSize = 500;

/**
 * Every version's record can be read, and its history leads in legal steps, without gaps, from development to the
 * stage it is in.
 * @returns how many versions and steps there are
 */
export async function checkVersions(
  snapshot: Kysely<Tables>,
  report: Report,
  progress: (versions: number) => void,
): Promise<{ versions: number; steps: number }> {
  let versions = 0;
  let steps = 0;
  for (let last: VersionRow | undefined; ; ) {
    const page = await versionsAfter(snapshot, last);
    const end = page.at(-1);
    if (end === undefined) break;
    const histories = await historiesOf(snapshot, page);
    for (const row of page) {
      const history = histories.get(keyOf(row)) ?? [];
      for (const fault of [...historyFaults(row, history), ...recordFaults(row)])
        report(problem(`${row.model_id} ${row.version}: ${fault}`, fromBackup));
      steps += history.length;
    }
    versions += page.length;
    progress(versions);
    last = end;
  }
  await checkOrphans(snapshot, report);
  return { versions, steps };
}

function versionsAfter(snapshot: Kysely<Tables>, last: VersionRow | undefined): Promise<VersionRow[]> {
  let query = snapshot
    .selectFrom('versions')
    .selectAll()
    .orderBy('model_id')
    .orderBy('version')
    .limit(pageSize);
  if (last !== undefined)
    query = query.where(sql<boolean>`(model_id, version) > (${last.model_id}, ${last.version})`);
  return query.execute();
}

const keyOf = ({ model_id, version }: { model_id: string; version: string }) => `${model_id}@${version}`;

async function historiesOf(
  snapshot: Kysely<Tables>,
  page: readonly VersionRow[],
): Promise<Map<string, StageTransitionRow[]>> {
  const [first, last] = [page[0], page.at(-1)];
  const histories = new Map<string, StageTransitionRow[]>();
  if (first === undefined || last === undefined) return histories;
  const rows = await snapshot
    .selectFrom('stage_transitions')
    .selectAll()
    .where(sql<boolean>`(model_id, version) >= (${first.model_id}, ${first.version})`)
    .where(sql<boolean>`(model_id, version) <= (${last.model_id}, ${last.version})`)
    .orderBy('model_id')
    .orderBy('version')
    .orderBy('sequence')
    .execute();
  for (const row of rows) {
    const known = histories.get(keyOf(row));
    if (known === undefined) histories.set(keyOf(row), [row]);
    else known.push(row);
  }
  return histories;
}

/** What is wrong with a version's history, a sentence each. */
export function historyFaults(
  { stage, transitions }: Pick<VersionRow, 'stage' | 'transitions'>,
  history: readonly Pick<StageTransitionRow, 'sequence' | 'revision' | 'kind' | 'from_stage' | 'to_stage'>[],
): string[] {
  const faults: string[] = [];
  let at = 'development';
  let expected = 1;
  let revision = 0;
  for (const step of history) {
    if (step.sequence !== expected)
      faults.push(`its stage history has no step ${expected} before step ${step.sequence}`);
    else if (step.from_stage !== at)
      faults.push(`step ${step.sequence} of its stage history begins in ${step.from_stage}, not in ${at}`);
    if (!isLegal(step))
      faults.push(
        `step ${step.sequence} of its stage history is illegal: from ${step.from_stage} to ${step.to_stage}`,
      );
    if (step.revision <= revision)
      faults.push(`step ${step.sequence} of its stage history is of an earlier revision than the one before`);
    revision = step.revision;
    at = step.to_stage;
    expected = step.sequence + 1;
  }
  if (transitions !== expected - 1)
    faults.push(`it has made ${transitions} steps, and its stage history ends with step ${expected - 1}`);
  if (stage !== at) faults.push(`it is in ${stage}, and its stage history ends in ${at}`);
  return faults;
}

function isLegal({
  kind,
  from_stage,
  to_stage,
}: Pick<StageTransitionRow, 'kind' | 'from_stage' | 'to_stage'>): boolean {
  const from = stages.find((stage) => stage === from_stage);
  const to = stages.find((stage) => stage === to_stage);
  if (from === undefined || to === undefined) return false;
  if (kind === 'rollback' && from === 'archived' && to === 'production') return true;
  return judgeTransition(from, to).legal;
}

function recordFaults(row: VersionRow): string[] {
  try {
    versionRecord(row);
    return [];
  } catch (error) {
    return [`its record cannot be read: ${messageOf(error).replace(/\s+/g, ' ').slice(0, 200)}`];
  }
}

/** A history outlives its version only where the version was deleted. */
async function checkOrphans(snapshot: Kysely<Tables>, report: Report): Promise<void> {
  const { rows } = await sql<{ model_id: string; version: string }>`
    select distinct model_id, version from stage_transitions as step
    where not exists (select 1 from versions where model_id = step.model_id and version = step.version)
      and not exists (select 1 from deleted_versions where model_id = step.model_id and version = step.version)
    limit 20`.execute(snapshot);
  for (const { model_id, version } of rows)
    report(
      problem(
        `${model_id} ${version} has a stage history, and neither exists nor was ever deleted`,
        fromBackup,
      ),
    );
}
