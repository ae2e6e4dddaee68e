import { extname, resolve } from 'node:path';
import { ModelYardError, messageOf } from '../errors.ts';
import { parseExactJson } from '../exact_json.ts';
import { localPath } from '../files/local_path.ts';
import { pathFormat } from '../json_schema.ts';
import { nearestName } from '../nearest_name.ts';

/** What decides how an argument's text is read: a part of its JSON Schema. */
export interface ArgumentSchema {
  type?: unknown;
  format?: unknown;
  enum?: unknown;
}

/** What the words of a command line may point to. */
export interface WordSources {
  /** The folder that relative paths start from. */
  folder: string;
  readFile(path: string): Promise<Uint8Array>;
  readInput(): Promise<Uint8Array>;
}

/**
 * A tool's arguments as the words `name=value` give them. Each is read as the tool's schema says: lists and objects are JSON,
 * a file's path starts in the folder, all else stays text, which the tool takes only where it is exactly what it wants.
 * `name=@path` takes a list, an object or a text from a file (a list also from JSON Lines), `name=-` from standard input, and
 * the word `-` all arguments as one object of JSON. A text that begins with @ is written with two.
 *
 * @param schemas the tool's arguments by name
 * @throws INVALID_INPUT naming the word that is wrong
 */
export async function readWords(
  schemas: Readonly<Record<string, ArgumentSchema>>,
  words: readonly string[],
  sources: WordSources,
): Promise<Record<string, unknown>> {
  const given = words.map((word) => (word === '-' ? word : splitWord(schemas, word)));
  const fromInput = words.filter((word, at) => word === '-' || readsInput(schemas, given[at]));
  if (fromInput.length > 1)
    throw invalid(
      `${fromInput.join(' and ')} would both read standard input.`,
      'Take one of them from a file: name=@FILE.',
    );
  const found = new Map<string, unknown>();
  for (const word of given) {
    const members =
      typeof word === 'string'
        ? await readObject(schemas, sources)
        : [[word.name, await readValue(word.name, schemas[word.name] ?? {}, word.text, sources)] as const];
    for (const [name, value] of members) {
      if (found.has(name)) throw invalid(`${name} is given twice.`, 'Give each argument once.');
      found.set(name, value);
    }
  }
  return Object.fromEntries(found);
}

interface Word {
  name: string;
  text: string;
}

type Schemas = Readonly<Record<string, ArgumentSchema>>;

function splitWord(schemas: Schemas, word: string): Word {
  const at = word.indexOf('=');
  if (at < 1)
    throw invalid(
      `${JSON.stringify(word)} is no argument.`,
      `Arguments are written name=value: ${Object.keys(schemas).slice(0, 3).join('=…, ')}=….`,
    );
  return { name: knownName(schemas, word.slice(0, at)), text: word.slice(at + 1) };
}

function knownName(schemas: Schemas, given: string): string {
  const known = Object.keys(schemas);
  const name = given.replaceAll('-', '_');
  if (known.includes(name)) return name;
  const near = nearestName(name, known);
  throw invalid(
    `There is no argument ${given}.`,
    near === undefined ? `The arguments are ${known.join(', ')}.` : `Did you mean ${near}?`,
  );
}

/** How an argument's text is read. */
function kindOf({ type, format, enum: values }: ArgumentSchema): 'json' | 'path' | 'text' | 'exact' {
  if (type === 'array' || type === 'object') return 'json';
  if (format === pathFormat) return 'path';
  return type === 'string' && values === undefined && format === undefined ? 'text' : 'exact';
}

function readsInput(schemas: Schemas, word: Word | string | undefined): boolean {
  if (typeof word !== 'object' || word.text !== '-') return false;
  return ['json', 'text'].includes(kindOf(schemas[word.name] ?? {}));
}

async function readObject(schemas: Schemas, { folder, readInput }: WordSources) {
  const value = parseJson('Standard input', decode('Standard input', await readInput()));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('Standard input holds no object of JSON.', 'It is {"name": value, …}.');
  return Object.entries(value).map(([given, member]): [string, unknown] => {
    const name = knownName(schemas, given);
    const isPath = typeof member === 'string' && kindOf(schemas[name] ?? {}) === 'path';
    return [name, isPath ? pathOf(member, folder) : member];
  });
}

async function readValue(
  name: string,
  schema: ArgumentSchema,
  text: string,
  { folder, readFile, readInput }: WordSources,
): Promise<unknown> {
  const kind = kindOf(schema);
  if (kind === 'exact') return text;
  if (kind === 'path') return text.startsWith('@') ? fromFolder(text.slice(1), folder) : pathOf(text, folder);
  const isFile = text.startsWith('@') && !text.startsWith('@@');
  const file = isFile ? fromFolder(text.slice(1), folder) : undefined;
  const content =
    file !== undefined
      ? decode(text.slice(1), await contentOf(file, text.slice(1), readFile))
      : text === '-'
        ? decode('Standard input', await readInput())
        : text.replace(/^@@/, '@');
  if (kind === 'text') return content;
  const isLines = file !== undefined && schema.type === 'array' && /^\.(jsonl|ndjson)$/i.test(extname(file));
  const value = isLines ? parseLines(text.slice(1), content) : parseJson(name, content);
  const wanted = schema.type === 'array' ? 'a list: […]' : 'an object: {…}';
  const fits = schema.type === 'array' ? Array.isArray(value) : isObject(value);
  if (!fits && value !== null) throw invalid(`${name} must be ${wanted}.`, jsonHint(name));
  return value;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function contentOf(
  file: string,
  shown: string,
  readFile: WordSources['readFile'],
): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw invalid(
      `The file ${shown} cannot be read: ${messageOf(error)}.`,
      'A text that begins with @ is written with two: name=@@text.',
    );
  }
}

/** A path as people write it; an address such as runs:/… or file:///… and ~/… are the tool's to read. */
function pathOf(text: string, folder: string): string {
  const isLeft = text === '' || /^(~|[a-z][a-z\d+.-]+:)/i.test(text);
  return isLeft ? text : resolve(folder, text);
}

function fromFolder(text: string, folder: string): string {
  return resolve(folder, text.startsWith('~') ? localPath(text) : text);
}

function decode(what: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(`${what} is not text in UTF-8.`, 'Save it as UTF-8.');
  }
}

function parseLines(file: string, content: string): unknown[] {
  const lines = content.split(/\r?\n/);
  return lines.flatMap((line, at) =>
    line.trim() === '' ? [] : [parseJson(`Line ${at + 1} of ${file}`, line)],
  );
}

/** @param what where the JSON comes from */
function parseJson(what: string, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`${what} is not JSON: ${messageOf(error)}.`, jsonHint('name'));
  }
  if (parseExactJson(text).hasBigIntegers)
    throw invalid(
      `${what} has a whole number beyond 2^53, which may be rounded.`,
      'Write it as text in double quotes, or with an exponent where nearly that number will do.',
    );
  return value;
}

function jsonHint(name: string): string {
  return `Write the JSON in single quotes, as in ${name}='["a", "b"]' or ${name}='{"a": 1}', or take it from a file: ${name}=@FILE.`;
}

function invalid(message: string, hint: string): ModelYardError {
  return new ModelYardError('INVALID_INPUT', message, hint);
}
