import { visible } from '../access/shown_text.ts';
import { isPlainObject } from '../plain_object.ts';
import { type Cell, tableLines } from './text_table.ts';

/** How an answer is laid out. */
export interface Layout {
  /** Columns of the terminal; undefined: nothing is cut. */
  width: number | undefined;
  /** Marks a heading. */
  head(text: string): string;
}

/**
 * A tool's answer for people: names with their values, lists of objects as tables, and where a table finds no room, a block of
 * names and values for each row. Everything in it may come from outside: it is shown with what would move the cursor or hide text.
 */
export function answerText(facts: Readonly<Record<string, unknown>>, layout: Layout): string {
  const lines = membersOf(facts, 0, layout);
  return lines.length === 0 ? 'Done.\n' : `${lines.join('\n')}\n`;
}

type Named = readonly [name: string, value: unknown];

/** Names with their values, in their order; those with one line each stand under one another. */
function membersOf(facts: Readonly<Record<string, unknown>>, indent: number, layout: Layout): string[] {
  const members = Object.entries(facts).filter(([, value]) => value !== undefined);
  const lines: string[] = [];
  let short: Named[] = [];
  const flush = () => {
    lines.push(...pairsOf(short, indent, layout));
    short = [];
  };
  for (const member of members) {
    const [name, value] = member;
    if (isShort(value)) {
      short.push(member);
      continue;
    }
    flush();
    if (indent === 0 && lines.length > 0) lines.push('');
    const count = Array.isArray(value) ? ` (${value.length})` : '';
    lines.push(`${' '.repeat(indent)}${layout.head(visible(name))}${count}`);
    lines.push(
      ...(Array.isArray(value)
        ? itemsOf(value, indent + 2, layout)
        : membersOf(isPlainObject(value) ? value : {}, indent + 2, layout)),
    );
    if (indent === 0) lines.push('');
  }
  flush();
  while (lines.at(-1) === '') lines.pop();
  return lines.filter((line, at) => line !== '' || lines[at - 1] !== '');
}

/** Whether a value fits beside its name. */
function isShort(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 || value.every(isScalar);
  return !isPlainObject(value) || Object.keys(value).length === 0;
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function pairsOf(pairs: readonly Named[], indent: number, layout: Layout): string[] {
  const longest = Math.max(0, ...pairs.map(([name]) => visible(name).length));
  return pairs.map(([name, value]) => {
    const shown = visible(name);
    const space = ' '.repeat(longest - shown.length + 2);
    return `${' '.repeat(indent)}${layout.head(shown)}${space}${inline(value)}`;
  });
}

function itemsOf(items: readonly unknown[], indent: number, layout: Layout): string[] {
  const start = ' '.repeat(indent);
  if (!items.every(isPlainObject)) return items.map((item) => `${start}${inline(item)}`);
  const rows = items.map(flattened);
  const heads = namesOf(rows);
  const isTable = rows.every((row) => Object.values(row).every(isShort));
  const cells = rows.map((row) => heads.map((name) => cellOf(row[name])));
  const room = layout.width === undefined ? undefined : layout.width - indent;
  const [head, ...body] = (isTable ? tableLines(heads.map(visible), cells, room) : undefined) ?? [];
  if (head !== undefined) return [`${start}${layout.head(head)}`, ...body.map((line) => `${start}${line}`)];
  const kept = namesOf(items);
  return items.flatMap((item, at) => {
    const told = kept.map((name): Named => [name, onOneLine(item[name])]);
    const lines = membersOf(Object.fromEntries(told), indent + 2, layout);
    const [first = '', ...rest] = lines;
    return [...(at === 0 ? [] : ['']), `${start}- ${first.slice(indent + 2)}`, ...rest];
  });
}

/** The names that the items of a list have; those that are empty in every item say nothing and are left out. */
function namesOf(items: readonly Readonly<Record<string, unknown>>[]): string[] {
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))];
  const told = names.filter((name) => items.some((item) => !isEmpty(item[name])));
  return told.length === 0 ? names : told;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** An object of plain values as `name=value`, without those that are empty; anything else as it is. */
function onOneLine(value: unknown): unknown {
  if (!isPlainObject(value) || !Object.values(value).every(isScalar)) return value;
  const told = Object.entries(value).filter(([, member]) => !isEmpty(member));
  return told.length === 0 ? null : told.map(([name, member]) => `${name}=${inline(member)}`).join(' ');
}

/** An object's members, and those of the objects in it by `outer.inner`. */
function flattened(item: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(item)
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]): Named[] => {
        const isNested = isPlainObject(value) && Object.keys(value).length > 0;
        if (!isNested || !Object.values(value).every(isScalar)) return [[name, value]];
        return Object.entries(value).map(([inner, member]) => [`${name}.${inner}`, member]);
      }),
  );
}

function cellOf(value: unknown): Cell {
  return { text: value === undefined ? '' : inline(value), isNumber: typeof value === 'number' };
}

/** A value on one line. */
function inline(value: unknown): string {
  if (value === null) return '-';
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value) && value.every(isScalar))
    return value.length === 0 ? 'none' : value.map((item) => inline(item)).join(', ');
  if (isPlainObject(value) && Object.keys(value).length === 0) return 'none';
  return visible(JSON.stringify(value) ?? String(value));
}
