import type { FileRef } from '../files/opened_file.ts';
import { depthFault } from '../json_shape.ts';
import { isPlainObject } from '../plain_object.ts';
import {
  type ColumnMapping,
  emptyRecord,
  entityKeyOf,
  maxChunkCharacters,
  maxChunkRows,
  maxRowCharacters,
  notReadable,
  type ResultCell,
  type Table,
  type TableChunk,
  type TableRow,
  type ValueBlock,
  type WantedColumn,
} from './table.ts';
import { textSource } from './text_source.ts';

/** Lines from which the columns are taken, since there is no header. */
const sampledLines = 100;

type JsonRecord = Record<string, unknown>;

interface JsonLine {
  text: string;
  line: number;
  object: JsonRecord | undefined;
  /** Why the line is no object. */
  fault: string | undefined;
}

/**
 * A JSON Lines file: one object a line, UTF-8. Empty lines are skipped. A line that is not an object becomes a row
 * that fails; its output has only the error.
 */
export async function openJsonl(path: FileRef, shownPath: string, bytes: number): Promise<Table<JsonLine[]>> {
  const columns = new Set<string>();
  let sampled = 0;
  for await (const { text } of splitLines(textSource(path, shownPath).pieces(), shownPath)) {
    for (const name of Object.keys(parseObject(text).object ?? {})) columns.add(name);
    sampled++;
    if (sampled === sampledLines) break;
  }
  if (sampled === 0) throw notReadable(shownPath, 'is empty.', 'Give one JSON object a line.');
  return {
    columns: [...columns],
    unreadable: [],
    bytes,
    chunks: (mapping) => readChunks(path, shownPath, mapping),
    values: (wanted) => readValues(path, shownPath, wanted),
    writer(file, results) {
      const names = results.map(({ name }) => name);
      const keys = names.map((name) => JSON.stringify(name));
      return {
        async write(carried, answers) {
          const lines = carried.map((given, row) => {
            requireFree(given, names, shownPath);
            return withResults(given.text, keys, answers[row] ?? []);
          });
          await file.appendFile(lines.join(''));
        },
        finish: async () => undefined,
      };
    },
    close: async () => undefined,
  };
}

async function* readValues(
  path: FileRef,
  shownPath: string,
  wanted: readonly WantedColumn[],
): AsyncGenerator<ValueBlock> {
  const mapping = { features: [], entityColumn: undefined, outcomeColumn: undefined };
  const positions = wanted.map((_, position) => position);
  for await (const { carried } of readChunks(path, shownPath, mapping))
    yield {
      rows: carried.length,
      columns: positions,
      at: (row, column) => memberOf(carried[row]?.object, wanted[column]?.name),
      line: (row) => carried[row]?.line ?? 0,
      fault: (row) => carried[row]?.fault,
    };
}

function memberOf(object: JsonRecord | undefined, name: string | undefined): unknown {
  return name !== undefined && object !== undefined && Object.hasOwn(object, name) ? object[name] : null;
}

async function* readChunks(
  path: FileRef,
  shownPath: string,
  mapping: ColumnMapping,
): AsyncGenerator<TableChunk<JsonLine[]>> {
  const source = textSource(path, shownPath);
  let rows: TableRow[] = [];
  let carried: JsonLine[] = [];
  let characters = 0;
  for await (const { text, line } of splitLines(source.pieces(), shownPath)) {
    const { object, fault } = parseObject(text);
    rows.push({ ...rowOf(object, line, mapping), fault });
    carried.push({ text: object === undefined ? '{}' : text, line, object, fault });
    characters += text.length;
    if (rows.length < maxChunkRows && characters < maxChunkCharacters) continue;
    yield { rows, carried, position: source.position() };
    rows = [];
    carried = [];
    characters = 0;
  }
  if (rows.length > 0) yield { rows, carried, position: source.position() };
}

function rowOf(
  object: JsonRecord | undefined,
  line: number,
  mapping: ColumnMapping,
): Omit<TableRow, 'fault'> {
  const features = emptyRecord();
  for (const { name } of mapping.features)
    if (object !== undefined && Object.hasOwn(object, name)) features[name] = object[name];
  return {
    line,
    features,
    entityKey: entityKeyOf(memberOf(object, mapping.entityColumn)),
    outcome: memberOf(object, mapping.outcomeColumn),
    others: mapping.others?.map((name) => memberOf(object, name) ?? null) ?? [],
  };
}

function parseObject(text: string): { object: JsonRecord | undefined; fault: string | undefined } {
  const value = parsedLine(text);
  if (!isPlainObject(value)) return { object: undefined, fault: 'The line is not a JSON object.' };
  const fault = depthFault(value);
  return fault === undefined
    ? { object: value, fault: undefined }
    : { object: undefined, fault: `The line ${fault}.` };
}

function parsedLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Lines need not be alike: a later one may have a member that the first ones had not. */
function requireFree({ object, line }: JsonLine, names: readonly string[], shownPath: string): void {
  const taken = object && names.find((name) => Object.hasOwn(object, name));
  if (taken !== undefined)
    throw notReadable(
      shownPath,
      `has a member "${taken}" in line ${line}, which the output needs for its own.`,
      'Rename it.',
    );
}

/** The lines that are not blank, without their line ends. */
async function* splitLines(
  pieces: AsyncGenerator<string>,
  shownPath: string,
): AsyncGenerator<{ text: string; line: number }> {
  let line = 0;
  let rest = '';
  const tooLong = () =>
    notReadable(
      shownPath,
      `has a line longer than ${maxRowCharacters} characters (line ${line + 1}).`,
      'Give one JSON object a line.',
    );
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const ended of lines) {
      if (ended.length > maxRowCharacters) throw tooLong();
      line++;
      const text = ended.trim();
      if (text !== '') yield { text, line };
    }
    if (rest.length > maxRowCharacters) throw tooLong();
  }
  const text = rest.trim();
  if (text !== '') yield { text, line: line + 1 };
}

/**
 * The object's original text with the results as further members, so that digits of numbers and the order of members
 * stay as written.
 *
 * @param keys the names of the result columns as JSON
 */
function withResults(text: string, keys: readonly string[], cells: readonly ResultCell[]): string {
  const added = keys.flatMap((key, index) => {
    const cell = cells[index];
    if (cell === undefined) return [];
    return [`${key}:${typeof cell === 'bigint' ? cell : JSON.stringify(cell)}`];
  });
  const body = text.slice(1, -1).trimEnd();
  return `{${[...(body.trim() === '' ? [] : [body]), ...added].join(',')}}\n`;
}
