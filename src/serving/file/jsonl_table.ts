import type { JsonRecord } from '../codec/records.ts';
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
} from './table.ts';
import { textSource } from './text_source.ts';

/** So many lines together tell the columns of a file that has no header. */
const sampledLines = 100;

interface JsonLine {
  text: string;
  line: number;
  object: JsonRecord | undefined;
}

/**
 * A JSON Lines file: one object a line, UTF-8. Empty lines are skipped. A line that is no object becomes a row
 * that fails; its output has nothing but the error.
 */
export async function openJsonl(path: string, shownPath: string, bytes: number): Promise<Table<JsonLine[]>> {
  const columns = new Set<string>();
  let sampled = 0;
  for await (const { text } of splitLines(textSource(path, shownPath).pieces(), shownPath)) {
    for (const name of Object.keys(parseObject(text) ?? {})) columns.add(name);
    sampled++;
    if (sampled === sampledLines) break;
  }
  if (sampled === 0) throw notReadable(shownPath, 'is empty.', 'Give one JSON object a line.');
  return {
    columns: [...columns],
    bytes,
    chunks: (mapping) => readChunks(path, shownPath, mapping),
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

async function* readChunks(
  path: string,
  shownPath: string,
  mapping: ColumnMapping,
): AsyncGenerator<TableChunk<JsonLine[]>> {
  const source = textSource(path, shownPath);
  let rows: TableRow[] = [];
  let carried: JsonLine[] = [];
  let characters = 0;
  for await (const { text, line } of splitLines(source.pieces(), shownPath)) {
    const object = parseObject(text);
    rows.push(rowOf(object, line, mapping));
    carried.push({ text: object === undefined ? '{}' : text, line, object });
    characters += text.length;
    if (rows.length < maxChunkRows && characters < maxChunkCharacters) continue;
    yield { rows, carried, position: source.position() };
    rows = [];
    carried = [];
    characters = 0;
  }
  if (rows.length > 0) yield { rows, carried, position: source.position() };
}

function rowOf(object: JsonRecord | undefined, line: number, mapping: ColumnMapping): TableRow {
  const features = emptyRecord();
  for (const { name } of mapping.features)
    if (object !== undefined && Object.hasOwn(object, name)) features[name] = object[name];
  const memberOf = (name: string | undefined) =>
    name !== undefined && object !== undefined && Object.hasOwn(object, name) ? object[name] : null;
  return {
    line,
    features,
    fault: object === undefined ? 'The line is not a JSON object.' : undefined,
    entityKey: entityKeyOf(memberOf(mapping.entityColumn)),
    outcome: memberOf(mapping.outcomeColumn),
  };
}

function parseObject(text: string): JsonRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
 * The object's own text with the results as further members: numbers, their digits and the order of members
 * stay as they were written.
 * @param keys the result columns' names as JSON.
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
