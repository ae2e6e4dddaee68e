import type { Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { findVersion } from '../registry/lookup.ts';
import type { Register, Registration } from '../registry/registration.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';

export type DeployedRegistration = Omit<Registration, 'source'> & {
  /** Missing where the version is registered already. */
  source?: string | undefined;
};

export type Progress = (done: number, total: number, message: string) => void;

/** The version to deploy, registered where a source is given. @throws what registration throws; VERSION_NOT_FOUND */
export async function registeredVersion(
  { database, register }: { database: Database; register: Register },
  registration: DeployedRegistration,
  origin: Origin,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ record: VersionRecord; created: boolean; warnings: string[] }> {
  const { source, ...facts } = registration;
  if (source === undefined) {
    const record = await findVersion(database, registration.modelId, registration.version).catch(
      (error: unknown) => {
        if (!(error instanceof ModelYardError)) throw error;
        throw new ModelYardError(
          error.code,
          error.message,
          `${error.hint} To register a new version here, give its source.`,
        );
      },
    );
    return {
      record,
      created: false,
      warnings: [...record.warnings, ...unusedFacts({ ...facts, version: record.version })],
    };
  }
  const { record, created } = await register({ ...facts, source }, origin, signal, (received, total) =>
    progress(Math.min(received / total, 0.99), 3, `downloaded ${(received / 1e6).toFixed(1)} MB`),
  );
  return { record, created, warnings: [...record.warnings, ...(created ? [] : unusedFacts(facts))] };
}

/** Facts given for a version that is registered already are not written; say so. */
function unusedFacts(facts: Omit<Registration, 'source'>): string[] {
  const { modelId: _, version, ...rest } = facts;
  const given = Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const descriptive = given
    .filter((name) => name !== 'featureNames' && name !== 'classLabels')
    .map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return descriptive.length === 0
    ? []
    : [`${version} was registered before; not changed: ${descriptive.join(', ')}.`];
}
