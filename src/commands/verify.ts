import { checkAuditChain } from '../access/audit_chain.ts';
import { checkAuditState } from '../access/audit_state.ts';
import { ModelYardError, messageOf, systemCodeOf } from '../errors.ts';
import { checkArtifacts } from '../integrity/check_artifacts.ts';
import { checkDatabase } from '../integrity/check_database.ts';
import { checkJournals } from '../integrity/check_journals.ts';
import { checkPredictionLog } from '../integrity/check_prediction_log.ts';
import { checkStoredJson } from '../integrity/check_stored_json.ts';
import { checkVersions } from '../integrity/check_versions.ts';
import { type Finding, fromBackup, problem } from '../integrity/finding.ts';
import type { Settings } from '../settings.ts';
import type { Database } from '../storage/database.ts';
import { openArtifacts } from '../storage/open_artifacts.ts';
import { readSnapshot } from '../storage/snapshot.ts';
import { requireOwnDirectory } from '../storage/store_identity.ts';
import { parseCommand } from './command_line.ts';
import { print, progressLine } from './standard_output.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard verify

Checks the whole store, while servers run, and changes nothing: re-hashes all artifacts; checks the database, the
stage history of every version, routes, aliases, reference data, the prediction log, the audit trail's chain, that what its
entries left is still so, and the journals. Says what it found and what to do about it. Exit code 0: nothing is wrong (there may be notes); 1: something
is.
`;

export const verifyCommand = { usage, run: runVerify };

export async function runVerify(settings: Settings, given: string[]): Promise<number> {
  parseCommand('verify', given, {});
  const findings: Finding[] = [];
  const counts = await withStore(settings, async (opened) => {
    const { directory } = settings;
    const { database, kind } = opened;
    await requireOwnDirectory(opened, directory);
    const report = (finding: Finding) => void findings.push(finding);
    const progress = progressLine();
    const count = {
      versions: 0,
      steps: 0,
      artifacts: 0,
      bytes: 0,
      entries: 0,
      references: 0,
      journals: 0,
      predictions: 0,
    };
    /** A part that cannot be checked to its end is a finding, and no reason to leave out the others. */
    const check = async (what: string, run: () => Promise<void>) => {
      try {
        await run();
      } catch (error) {
        report(
          problem(
            `${what} cannot be checked (${systemCodeOf(error) ?? 'failed'}): ${messageOf(error)}`,
            error instanceof ModelYardError ? error.hint : fromBackup,
          ),
        );
      }
    };
    /** Each part is read as it is at one moment; a failed statement ends a snapshot. */
    const inSnapshot = (what: string, run: (snapshot: Database) => Promise<void>) =>
      check(what, () => readSnapshot(opened, run));
    progress.show('database');
    await inSnapshot('the database', (snapshot) => checkDatabase(snapshot, kind, report));
    await inSnapshot('the versions', async (snapshot) => {
      const found = await checkVersions(snapshot, report, (done) => progress.show(`${done} versions`));
      Object.assign(count, found);
    });
    await inSnapshot('what is stored as JSON', async (snapshot) => {
      count.references = await checkStoredJson(snapshot, report);
    });
    await inSnapshot('the prediction log', async (snapshot) => {
      count.predictions = await checkPredictionLog(snapshot, report, (done) =>
        progress.show(`${done} predictions`),
      );
    });
    await inSnapshot('the audit trail', async (snapshot) => {
      const chain = await checkAuditChain(snapshot, (done) => progress.show(`${done} audit entries`));
      count.entries = chain.entries;
      for (const { sequence, fault } of chain.faults)
        report(
          problem(
            `the audit trail is broken at entry ${sequence}: ${fault}`,
            'What stands before is as it was written; compare the rest with an export (modelyard audit --export) or a backup.',
          ),
        );
    });
    await inSnapshot('what the audit trail left', (snapshot) =>
      checkAuditState(
        snapshot,
        ({ row, fault }) => report(problem(`${row} ${fault}`, fromBackup)),
        (done) => progress.show(`${done} models compared with the audit trail`),
      ),
    );
    await check('the artifacts', async () => {
      const artifacts = await openArtifacts(settings, opened);
      try {
        const found = await checkArtifacts(
          { database, directory, artifacts, now: Date.now() },
          report,
          (done, bytes) => progress.show(`${done} artifacts, ${Math.round(bytes / 1e6)} MB`),
        );
        Object.assign(count, found);
      } finally {
        artifacts.close();
      }
    });
    await check('the journals', async () => {
      count.journals = await checkJournals(directory, report);
    });
    progress.end();
    return count;
  });
  const order = findings.toSorted((a, b) => Number(a.severity === 'note') - Number(b.severity === 'note'));
  const code = findings.some(({ severity }) => severity === 'problem') ? 1 : 0;
  process.exitCode = code;
  for (const { severity, what, next } of order) await print(`${severity.toUpperCase()}: ${what}. ${next}\n`);
  const problems = findings.filter(({ severity }) => severity === 'problem').length;
  const notes = findings.length - problems;
  await print(
    `${problems} problem${problems === 1 ? '' : 's'}, ${notes} note${notes === 1 ? '' : 's'}. Checked: ${counts.versions} versions with ${counts.steps} stage changes, ${counts.artifacts} artifacts (${(counts.bytes / 1e6).toFixed(1)} MB), ${counts.entries} audit entries, ${counts.references} references, ${counts.predictions} predictions, ${counts.journals} journals.\n`,
  );
  return code;
}
