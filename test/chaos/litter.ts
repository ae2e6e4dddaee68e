import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../../src/storage/database.ts';
import { ownerOf } from '../../src/storage/owned_name.ts';

/** What lies in a store's directory, and beside it, that nothing needs. */
export interface Litter {
  /** Models on their way in, notes of unfinished outputs, reserves and journals of processes that are gone. */
  leftovers: string[];
  /** Unfinished outputs of processes that are gone. */
  outputs: string[];
  /** Artifacts that no version refers to: killed between the file and its row; modelyard litter lists them in an hour. */
  artifacts: string[];
}

const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
const isGone = (name: string) => ownerOf(name.replace(/\.jsonl$/, '')) === 'gone';

export async function litterOf(directory: string, outputs: string, database: Database): Promise<Litter> {
  const rows = await database.selectFrom('versions').select('artifact_sha256').execute();
  const needed = new Set(rows.map((row) => row.artifact_sha256));
  const artifacts = namesIn(join(directory, 'artifacts')).flatMap((folder) =>
    namesIn(join(directory, 'artifacts', folder)).map((file) => `${folder}${file.replace(/\.onnx$/, '')}`),
  );
  return {
    leftovers: ['incoming', 'unfinished', 'journals'].flatMap((folder) =>
      namesIn(join(directory, folder)).filter(isGone),
    ),
    outputs: namesIn(outputs).filter((name) => name.includes('.modelyard-partial~') && isGone(name)),
    artifacts: artifacts.filter((sha256) => !needed.has(sha256)),
  };
}
