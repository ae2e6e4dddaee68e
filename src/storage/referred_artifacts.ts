import type { Kysely } from 'kysely';
import type { Artifact } from './artifact.ts';
import type { Tables } from './schema.ts';

const pageSize = 500;

/** The artifacts that versions have, each once, in the order of their hashes. */
export async function* referredArtifacts(database: Kysely<Tables>): AsyncGenerator<Artifact> {
  for (let last = ''; ; ) {
    const page = await database
      .selectFrom('versions')
      .select(({ fn }) => ['artifact_sha256', fn.max('artifact_bytes').as('bytes')])
      .where('artifact_sha256', '>', last)
      .groupBy('artifact_sha256')
      .orderBy('artifact_sha256')
      .limit(pageSize)
      .execute();
    if (page.length === 0) return;
    for (const { artifact_sha256: sha256, bytes } of page) {
      yield { sha256, bytes };
      last = sha256;
    }
  }
}

/** Whether a version has the artifact. */
export async function isReferred(
  database: Kysely<Tables>,
  { sha256 }: Pick<Artifact, 'sha256'>,
): Promise<boolean> {
  const version = await database
    .selectFrom('versions')
    .select('version')
    .where('artifact_sha256', '=', sha256)
    .limit(1)
    .executeTakeFirst();
  return version !== undefined;
}
