/**
 * Reads the YAML that MLflow writes: PyYAML's block style. Mappings, sequences, plain and quoted texts (which may
 * go over several lines), empty collections. Numbers stay text. What is beyond, such as anchors, is refused.
 * A document that is JSON is read as JSON.
 * @throws Error naming the line that it cannot read
 */
export function parseYaml(text: string): unknown {
  if (text.trimStart().startsWith('{')) return JSON.parse(text);
  const reader: Reader = { lines: text.split(/\r?\n/), at: 0 };
  skipEmpty(reader);
  const value = readBlock(reader, 0, 0);
  skipEmpty(reader);
  if (reader.at < reader.lines.length) throw unreadable(reader);
  return value;
}

interface Reader {
  lines: string[];
  /** The line that is read next. */
  at: number;
}

const maxDepth = 50;

function readBlock(reader: Reader, indent: number, depth: number): unknown {
  if (depth > maxDepth) throw unreadable(reader);
  const line = reader.lines[reader.at];
  if (line === undefined) return null;
  if (isItem(line, indent)) return readSequence(reader, indent, depth);
  return readMapping(reader, indent, depth);
}

function readSequence(reader: Reader, indent: number, depth: number): unknown[] {
  const items: unknown[] = [];
  for (;;) {
    const line = reader.lines[reader.at];
    if (line === undefined || indentOf(line) !== indent || !isItem(line, indent)) return items;
    const rest = line.slice(indent + 1).trimStart();
    const inner = line.length - rest.length;
    if (rest !== '' && (keyOf(rest) !== undefined || isItem(rest, 0))) {
      // What begins on the item's own line: the mark is only room before it.
      reader.lines[reader.at] = ' '.repeat(inner) + rest;
      items.push(readBlock(reader, inner, depth + 1));
    } else items.push(readValue(reader, rest, indent, depth));
    skipEmpty(reader);
  }
}

function readMapping(reader: Reader, indent: number, depth: number): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (;;) {
    const line = reader.lines[reader.at];
    if (line === undefined || indentOf(line) < indent) break;
    if (indentOf(line) > indent) throw unreadable(reader);
    const found = keyOf(line.slice(indent));
    if (found === undefined) break;
    entries.push([found.key, readValue(reader, found.rest, indent, depth)]);
    skipEmpty(reader);
  }
  if (entries.length === 0) throw unreadable(reader);
  return Object.fromEntries(entries);
}

/** The value that begins with `rest` on the current line and may go on in the next ones. */
function readValue(reader: Reader, rest: string, indent: number, depth: number): unknown {
  if (rest === '') {
    reader.at++;
    skipEmpty(reader);
    const next = reader.lines[reader.at];
    if (next === undefined) return null;
    // PyYAML does not indent a sequence below its key.
    const inner = indentOf(next);
    if (inner > indent || (inner === indent && isItem(next, indent)))
      return readBlock(reader, inner, depth + 1);
    return null;
  }
  if (rest.startsWith("'")) return readQuoted(reader, rest, singleQuoted, unescapeSingle);
  if (rest.startsWith('"')) return readQuoted(reader, rest, doubleQuoted, unescapeDouble);
  if (rest === '{}') return next(reader, {});
  if (rest === '[]') return next(reader, []);
  if (/^[&*!|>%@`{[]/.test(rest)) throw unreadable(reader);
  reader.at++;
  const parts = [rest.trim()];
  for (let line = reader.lines[reader.at]; line !== undefined; line = reader.lines[reader.at]) {
    if (line.trim() === '' || indentOf(line) <= indent) break;
    if (keyOf(line.trim()) !== undefined) throw unreadable(reader);
    parts.push(line.trim());
    reader.at++;
  }
  const plain = parts.join(' ');
  if (plain === 'null' || plain === '~') return null;
  return plain === 'true' ? true : plain === 'false' ? false : plain;
}

const singleQuoted = /^'((?:[^']|'')*)'\s*$/;
const doubleQuoted = /^"((?:[^"\\]|\\[\s\S])*)"\s*$/;

function readQuoted(
  reader: Reader,
  rest: string,
  whole: RegExp,
  unescaped: (inside: string) => string,
): string {
  let text = rest;
  for (;;) {
    const inside = whole.exec(text)?.[1];
    if (inside !== undefined) return next(reader, unescaped(inside));
    const following = reader.lines[reader.at + 1];
    if (following === undefined) throw unreadable(reader);
    reader.at++;
    text += `\n${following}`;
  }
}

/** A line break inside quotes is a space; an empty line, a line break. */
function fold(text: string): string {
  return text.replace(/[ \t]*\n((?:[ \t]*\n)*)[ \t]*/g, (_, empty: string) =>
    empty === '' ? ' ' : '\n'.repeat(empty.split('\n').length - 1),
  );
}

function unescapeSingle(inside: string): string {
  return fold(inside).replaceAll("''", "'");
}

const escapes: Record<string, string> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  _: '\u00a0',
  N: '\u0085',
  L: '\u2028',
  P: '\u2029',
};

function unescapeDouble(inside: string): string {
  // A backslash at the end of a line joins it with the next; one before a space keeps the space.
  const joined = fold(inside.replace(/\\\n[ \t]*/g, ''));
  return joined.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g,
    (_, two?: string, four?: string, eight?: string, one?: string) => {
      const code = two ?? four ?? eight;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return escapes[one ?? ''] ?? one ?? '';
    },
  );
}

/** `key: rest`; undefined when the text is no such thing. */
function keyOf(text: string): { key: string; rest: string } | undefined {
  const quoted = /^'((?:[^']|'')*)':(?: +(.*)|\s*)$/.exec(text);
  if (quoted !== null) return { key: unescapeSingle(quoted[1] ?? ''), rest: (quoted[2] ?? '').trimEnd() };
  const escaped = /^"((?:[^"\\]|\\.)*)":(?: +(.*)|\s*)$/.exec(text);
  if (escaped !== null) return { key: unescapeDouble(escaped[1] ?? ''), rest: (escaped[2] ?? '').trimEnd() };
  const plain = /^([^\s'"&*!|>%@`{[#-][^:]*(?::(?! |$)[^:]*)*):(?: +(.*)|\s*)$/.exec(text);
  return plain === null ? undefined : { key: plain[1] ?? '', rest: (plain[2] ?? '').trimEnd() };
}

function isItem(line: string, indent: number): boolean {
  return line[indent] === '-' && (line.length === indent + 1 || line[indent + 1] === ' ');
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function skipEmpty(reader: Reader): void {
  while (reader.at < reader.lines.length && /^\s*(#.*|---)?$/.test(reader.lines[reader.at] ?? ''))
    reader.at++;
}

function next<T>(reader: Reader, value: T): T {
  reader.at++;
  return value;
}

function unreadable(reader: Reader): Error {
  return new Error(`line ${reader.at + 1} cannot be read`);
}
