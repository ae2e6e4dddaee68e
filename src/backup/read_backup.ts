import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { messageOf, systemCodeOf } from '../errors.ts';
import {
  type BackupHeader,
  type BackupManifest,
  entryNames,
  formatVersion,
  headerSchema,
  manifestSchema,
  notABackup,
  partOf,
} from './format.ts';

/** One part of a backup; its content must be read before the next one comes. */
export interface BackupEntry {
  name: string;
  bytes: number;
  content: AsyncIterable<Buffer>;
}

/** The parts of a backup file in their order, unchecked. */
export async function* backupEntries(file: string): AsyncGenerator<BackupEntry> {
  const archive = extract();
  const reading = pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), archive);
  // What goes wrong in reading ends the loop below too.
  reading.catch(() => undefined);
  for await (const entry of archive) {
    const { name, size = 0, type } = entry.header;
    if (type !== 'file') throw new Error(`it holds ${name}, which is no file`);
    yield { name, bytes: size, content: entry };
    entry.resume();
  }
  await reading;
}

export interface CheckedBackup {
  header: BackupHeader;
  manifest: BackupManifest;
}

/**
 * Reads a whole backup and compares every part with the manifest, before anything is done with it.
 * @throws INVALID_INPUT when it is no backup, of another format, truncated or altered
 */
export async function checkBackup(
  file: string,
  progress: (bytes: number) => void = () => undefined,
): Promise<CheckedBackup> {
  const found: BackupManifest['entries'] = [];
  const texts = new Map<string, string>();
  let bytes = 0;
  try {
    for await (const entry of backupEntries(file)) {
      const part = partOf(entry.name);
      if (part === undefined) throw new Error(`it holds ${entry.name.slice(0, 100)}, which no backup has`);
      if (found.length === 0 && part.kind !== 'header') throw new Error('it is no backup of ModelYard');
      if (texts.has(entryNames.seal)) throw new Error('something was added at its end');
      const isText = part.kind !== 'artifact' && part.kind !== 'rows';
      const { sha256, text } = await readPart(entry, isText);
      if (isText) texts.set(entry.name, text);
      found.push([entry.name, entry.bytes, sha256]);
      bytes += entry.bytes;
      progress(bytes);
    }
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') throw notABackup(file, 'there is no such file');
    throw notABackup(file, messageOf(error));
  }
  const header = parseHeader(file, texts.get(entryNames.header));
  return { header, manifest: compareWithManifest(file, found, texts) };
}

async function readPart(
  { content }: BackupEntry,
  isText: boolean,
): Promise<{ sha256: string; text: string }> {
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  for await (const chunk of content) {
    hash.update(chunk);
    if (isText) kept.push(chunk);
  }
  return { sha256: hash.digest('hex'), text: Buffer.concat(kept).toString('utf8') };
}

function parseHeader(file: string, text: string | undefined): BackupHeader {
  if (text === undefined) throw notABackup(file, 'it is empty');
  const content = parseJson(text);
  const parsed = headerSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const format =
    typeof content === 'object' && content !== null && 'format' in content ? content.format : undefined;
  throw notABackup(
    file,
    typeof format === 'number' && format !== formatVersion
      ? `its format is ${format}, and this version of ModelYard reads format ${formatVersion}`
      : 'its header is damaged',
  );
}

function compareWithManifest(
  file: string,
  found: BackupManifest['entries'],
  texts: ReadonlyMap<string, string>,
): BackupManifest {
  const text = texts.get(entryNames.manifest);
  const seal = texts.get(entryNames.seal);
  if (text === undefined || seal === undefined)
    throw notABackup(file, 'its end is missing: it was truncated, or never finished');
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (createHash('sha256').update(text).digest('hex') !== seal || !parsed.success)
    throw notABackup(file, 'its manifest was altered');
  const { entries } = parsed.data;
  const parts = found.slice(0, -2);
  const at = parts.findIndex(
    ([name, bytes, sha256], index) =>
      entries[index]?.[0] !== name || entries[index]?.[1] !== bytes || entries[index]?.[2] !== sha256,
  );
  if (at !== -1) throw notABackup(file, `${parts[at]?.[0]} in it was altered`);
  if (entries.length !== parts.length)
    throw notABackup(file, `${entries[parts.length]?.[0]} is missing in it`);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
