/**
 * A column of the log in memory, in the most compact form that gives back every JSON value as it was. In `numbers`
 * NaN is null (JSON has no NaN of its own); `dictionary` holds any JSON value once and one code a row; `uuids` holds
 * 16 bytes a row.
 */
export type LogColumn =
  | { kind: 'numbers'; values: Float64Array }
  | { kind: 'dictionary'; entries: readonly unknown[]; codes: Uint32Array }
  | { kind: 'uuids'; bytes: Buffer };

/** The column of JSON values; undefined counts as null. */
export function columnOf(values: readonly unknown[]): LogColumn {
  if (values.every((value) => typeof value === 'number' || value === null || value === undefined))
    return {
      kind: 'numbers',
      values: Float64Array.from(values, (value) => (typeof value === 'number' ? value : Number.NaN)),
    };
  const dictionary = dictionaryBuilder();
  const codes = Uint32Array.from(values, (value) => dictionary.codeOf(value ?? null));
  return { kind: 'dictionary', entries: dictionary.entries, codes };
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The column of prediction ids. */
export function idColumn(ids: readonly string[]): LogColumn {
  if (!ids.every((id) => uuidPattern.test(id))) return columnOf(ids);
  return { kind: 'uuids', bytes: Buffer.from(ids.join('').replaceAll('-', ''), 'hex') };
}

/**
 * Numbers distinct JSON values in the order in which they first occur. Arrays and objects are compared by their JSON
 * text.
 */
function dictionaryBuilder() {
  const entries: unknown[] = [];
  const byValue = new Map<unknown, number>();
  const byText = new Map<string, number>();
  let last: { value: unknown; code: number } | undefined;
  return {
    entries,
    codeOf(value: unknown): number {
      const isNested = typeof value === 'object' && value !== null;
      // Rows of one call share their arrays, which are then serialised only once.
      if (isNested && last?.value === value) return last.code;
      const text = isNested ? JSON.stringify(value) : '';
      const known = isNested ? byText.get(text) : byValue.get(value);
      const code = known ?? entries.push(value) - 1;
      if (isNested) byText.set(text, code);
      else byValue.set(value, code);
      if (isNested) last = { value, code };
      return code;
    },
  };
}

export function rowsOf(column: LogColumn): number {
  if (column.kind === 'numbers') return column.values.length;
  return column.kind === 'dictionary' ? column.codes.length : column.bytes.length / 16;
}

/** The JSON value of a row. */
export function valueAt(column: LogColumn, row: number): unknown {
  switch (column.kind) {
    case 'numbers': {
      const value = column.values[row];
      return value === undefined || Number.isNaN(value) ? null : value;
    }
    case 'dictionary':
      return column.entries[column.codes[row] ?? 0] ?? null;
    case 'uuids':
      return uuidText(hexAt(column.bytes, row));
  }
}

/** The order of two rows of `uuids`: that of their texts. */
export function compareUuids(bytes: Uint8Array, a: number, b: number): number {
  let [left, right] = [a * 16, b * 16];
  for (const end = left + 16; left < end; left++, right++) {
    const difference = (bytes[left] ?? 0) - (bytes[right] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The 32 hexadecimal digits of a row of `uuids`. */
export function hexAt(bytes: Buffer, row: number): string {
  return bytes.toString('hex', row * 16, row * 16 + 16);
}

function uuidText(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The columns one after another; a missing one is that many nulls. */
export function concatenate(parts: readonly { column: LogColumn | undefined; rows: number }[]): LogColumn {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const uuids = parts.flatMap(({ column }) => (column?.kind === 'uuids' ? [column.bytes] : []));
  if (uuids.length > 0 && uuids.length === parts.length)
    return { kind: 'uuids', bytes: Buffer.concat(uuids) };
  const areNumbers = parts.every(({ column }) => column === undefined || column.kind === 'numbers');
  let start = 0;
  if (areNumbers) {
    const values = new Float64Array(rows).fill(Number.NaN);
    for (const part of parts) {
      if (part.column?.kind === 'numbers') values.set(part.column.values, start);
      start += part.rows;
    }
    return { kind: 'numbers', values };
  }
  const dictionary = dictionaryBuilder();
  const codes = new Uint32Array(rows);
  for (const part of parts) {
    const { column } = part;
    if (column === undefined) codes.fill(dictionary.codeOf(null), start, start + part.rows);
    else if (column.kind === 'dictionary') {
      const translated = column.entries.map(dictionary.codeOf);
      column.codes.forEach((code, row) => {
        codes[start + row] = translated[code] ?? 0;
      });
    } else
      for (let row = 0; row < part.rows; row++) codes[start + row] = dictionary.codeOf(valueAt(column, row));
    start += part.rows;
  }
  return { kind: 'dictionary', entries: dictionary.entries, codes };
}

/** The given rows, in that order. */
export function pick(column: LogColumn, order: Uint32Array): LogColumn {
  switch (column.kind) {
    case 'numbers':
      return { kind: 'numbers', values: Float64Array.from(order, (row) => column.values[row] ?? Number.NaN) };
    case 'dictionary':
      return { ...column, codes: Uint32Array.from(order, (row) => column.codes[row] ?? 0) };
    case 'uuids': {
      const bytes = Buffer.allocUnsafe(order.length * 16);
      order.forEach((row, index) => {
        column.bytes.copy(bytes, index * 16, row * 16, row * 16 + 16);
      });
      return { kind: 'uuids', bytes };
    }
  }
}

/** The row of a prediction id in a column of ids; undefined when it is absent. */
export function rowOfId(ids: LogColumn, id: string): number | undefined {
  if (ids.kind === 'numbers') return undefined;
  if (ids.kind === 'dictionary') {
    const code = ids.entries.indexOf(id);
    const row = code < 0 ? -1 : ids.codes.indexOf(code);
    return row < 0 ? undefined : row;
  }
  if (!uuidPattern.test(id)) return undefined;
  const wanted = Buffer.from(id.replaceAll('-', ''), 'hex');
  for (let at = ids.bytes.indexOf(wanted); at >= 0; at = ids.bytes.indexOf(wanted, at + 1))
    if (at % 16 === 0) return at / 16;
  return undefined;
}
