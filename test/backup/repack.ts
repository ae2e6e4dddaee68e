import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { entryNames } from '../../src/backup/format.ts';
import { backupEntries } from '../../src/backup/read_backup.ts';

export interface Change {
  /** Leaves out the entries of these names. */
  drop?: RegExp;
  /** Adds entries before the manifest. */
  add?: Record<string, string>;
  reverse?: boolean;
  header?: (header: Record<string, unknown>) => object;
  /** Makes the manifest fit what it then lists: what an attacker would do, or a later version. */
  reseal?: boolean;
}

/** Writes a backup again, changed. */
export async function repack(from: string, to: string, change: Change): Promise<void> {
  const parts: [string, Buffer][] = [];
  for await (const { name, content } of backupEntries(from)) {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    parts.push([name, Buffer.concat(chunks)]);
  }
  let changed = parts.filter(([name]) => change.drop === undefined || !change.drop.test(name));
  const added = Object.entries(change.add ?? {}).map(([name, text]): [string, Buffer] => [
    name,
    Buffer.from(text),
  ]);
  changed.splice(1, 0, ...added);
  if (change.header !== undefined)
    changed = changed.map(([name, content]) =>
      name === entryNames.header
        ? [name, Buffer.from(JSON.stringify(change.header?.(JSON.parse(content.toString('utf8')))))]
        : [name, content],
    );
  if (change.reseal) changed = reseal(changed);
  if (change.reverse) changed.reverse();
  const archive = pack();
  for (const [name, content] of changed) archive.entry({ name }, content);
  archive.finalize();
  writeFileSync(to, await buffer(archive));
}

function reseal(parts: [string, Buffer][]): [string, Buffer][] {
  const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
  const content = parts.filter(([name]) => name !== entryNames.manifest && name !== entryNames.seal);
  const [, old] = parts.find(([name]) => name === entryNames.manifest) ?? [];
  const entries = content.map(([name, bytes]) => [name, bytes.length, sha256(bytes)]);
  const manifest = Buffer.from(JSON.stringify({ ...JSON.parse(String(old)), entries }));
  return [...content, [entryNames.manifest, manifest], [entryNames.seal, Buffer.from(sha256(manifest))]];
}
