import { z } from 'zod';
import { ModelYardError } from '../errors.ts';

/**
 * A backup is a tar file:
 *
 *     modelyard-backup.json              what it is: this comes first
 *     artifacts/SHA-256                  the artifacts that versions refer to
 *     tables/NAME/00000001.jsonl.gz …    the tables, a row a line, in an order in which they can be filled
 *     manifest.json                      how much there is, and the SHA-256 of every entry before
 *     manifest.sha256                    the manifest's own: this comes last
 *
 * Rows are arrays of cells in the order of the table's columns, the same from either database.
 */
export const formatVersion = 1;

export const entryNames = {
  header: 'modelyard-backup.json',
  manifest: 'manifest.json',
  seal: 'manifest.sha256',
  artifact: (sha256: string) => `artifacts/${sha256}`,
  tablePart: (table: string, part: number) => `tables/${table}/${String(part).padStart(8, '0')}.jsonl.gz`,
};

export const headerSchema = z.strictObject({
  format: z.literal(formatVersion),
  modelyard: z.string(),
  created_at: z.string(),
  store: z.enum(['sqlite', 'postgresql']),
  /** The migrations that made the tables, in their order. */
  migrations: z.array(z.string()).min(1),
  tables: z.array(z.strictObject({ name: z.string(), columns: z.array(z.string()).min(1) })),
});
export type BackupHeader = z.output<typeof headerSchema>;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const manifestSchema = z.strictObject({
  rows: z.record(z.string(), z.number().int().min(0)),
  artifacts: z.number().int().min(0),
  /** In the prediction log, in whatever tables it is kept. */
  predictions: z.number().int().min(0),
  /** Name, bytes and SHA-256 of every entry before the manifest, in their order. */
  entries: z.array(z.tuple([z.string(), z.number().int().min(0), sha256])),
});
export type BackupManifest = z.output<typeof manifestSchema>;

/** An entry's place in the backup, from its name; undefined for one that no backup has. */
export function partOf(
  name: string,
):
  | { kind: 'header' | 'manifest' | 'seal' }
  | { kind: 'artifact'; sha256: string }
  | { kind: 'rows'; table: string }
  | undefined {
  if (name === entryNames.header) return { kind: 'header' };
  if (name === entryNames.manifest) return { kind: 'manifest' };
  if (name === entryNames.seal) return { kind: 'seal' };
  const [, hash] = /^artifacts\/([0-9a-f]{64})$/.exec(name) ?? [];
  if (hash !== undefined) return { kind: 'artifact', sha256: hash };
  const [, table] = /^tables\/([a-z_]+)\/\d{8,}\.jsonl\.gz$/.exec(name) ?? [];
  return table === undefined ? undefined : { kind: 'rows', table };
}

export function notABackup(file: string, why: string): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `${file} cannot be restored: ${why}.`,
    'Nothing was changed. Use another backup, or copy this one again from where it was made.',
  );
}
