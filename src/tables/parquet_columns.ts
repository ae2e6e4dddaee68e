import type { ConvertedType, SchemaElement } from 'hyparquet';
import type { ResultCell, ResultColumn } from './table.ts';

/** A column of a Parquet file: how its values are stored, and what they mean. */
export interface ParquetColumn {
  name: string;
  /** As the file declares it, and the output. */
  element: SchemaElement;
  /** Without its meaning, so that values are read and written exactly as they are stored. */
  stored: SchemaElement;
  /** A stored value as predict takes it; undefined where the type is no number, truth value or text. */
  read: ((stored: unknown) => unknown) | undefined;
}

/** A flat column's description; undefined for a nested or repeated one, or one of a type that cannot be written. */
export function parquetColumn(element: SchemaElement): ParquetColumn | undefined {
  const { name, type, type_length, repetition_type } = element;
  if (type === undefined || type === 'INT96' || repetition_type === 'REPEATED') return undefined;
  const stored: SchemaElement = {
    name,
    type,
    ...(type_length !== undefined && { type_length }),
    ...(repetition_type !== undefined && { repetition_type }),
  };
  const read = readerOf(element);
  return {
    name,
    element: writable(element),
    stored,
    read: read && ((value) => (value === null ? null : read(value))),
  };
}

const integerTypes: readonly ConvertedType[] = [
  'INT_8',
  'INT_16',
  'INT_32',
  'INT_64',
  'UINT_8',
  'UINT_16',
  'UINT_32',
  'UINT_64',
];

/**
 * The declaration as the output's footer has it. hyparquet-writer 0.17 writes the logical type of integers in a way
 * that Arrow cannot read (a 32-bit number for its 8-bit width): their older, equivalent converted type says the same.
 */
function writable(element: SchemaElement): SchemaElement {
  const { logical_type: logical, ...rest } = element;
  if (logical?.type !== 'INTEGER') return element;
  const name = `${logical.isSigned ? '' : 'U'}INT_${logical.bitWidth}`;
  const converted = integerTypes.find((type) => type === name);
  return { ...rest, ...(converted !== undefined && { converted_type: converted }) };
}

/** What the column holds, for an error message: `INT64 TIMESTAMP`. */
export function describeElement({ type, converted_type, logical_type }: SchemaElement): string {
  return [type ?? 'nested', logical_type?.type ?? converted_type]
    .filter((part) => part !== undefined)
    .join(' ');
}

function readerOf(element: SchemaElement): ((stored: unknown) => unknown) | undefined {
  const { type, logical_type: logical } = element;
  const meaning = logical?.type ?? element.converted_type;
  if (meaning === 'DECIMAL')
    return decimalReader(logical?.type === 'DECIMAL' ? logical.scale : (element.scale ?? 0));
  // NaN is how data frames write a missing number.
  if (type === 'FLOAT' || type === 'DOUBLE') return (value) => (Number.isNaN(value) ? null : value);
  if (type === 'BOOLEAN') return (value) => value;
  if (type === 'INT32' || type === 'INT64') {
    if (meaning !== undefined && !/^U?INT/.test(meaning)) return undefined;
    const unsigned = logical?.type === 'INTEGER' ? !logical.isSigned : (meaning?.startsWith('U') ?? false);
    return type === 'INT32'
      ? (value) => (unsigned && typeof value === 'number' ? value >>> 0 : value)
      : (value) =>
          typeof value === 'bigint' ? exactNumber(unsigned ? BigInt.asUintN(64, value) : value) : value;
  }
  if (type === 'BYTE_ARRAY' && (meaning === undefined || ['UTF8', 'STRING', 'ENUM'].includes(meaning)))
    return (value) => (value instanceof Uint8Array ? textOf(value) : value);
  return undefined;
}

/** 64-bit integers beyond 2^53 as text, as predict takes them. */
function exactNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text; bytes that are no text stay bytes, which the codec refuses. */
function textOf(bytes: Uint8Array): unknown {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes;
  }
}

/** The number nearest to a decimal of that scale. */
function decimalReader(scale: number): (stored: unknown) => unknown {
  return (value) => {
    const unscaled = value instanceof Uint8Array ? bigEndian(value) : value;
    return Number(`${String(unscaled)}e-${scale}`);
  };
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

/** The declaration of a column that the output adds. */
export function resultElement({ name, type }: ResultColumn): SchemaElement {
  const repetition_type = 'OPTIONAL';
  switch (type) {
    case 'text':
      return {
        name,
        type: 'BYTE_ARRAY',
        repetition_type,
        converted_type: 'UTF8',
        logical_type: { type: 'STRING' },
      };
    case 'number':
      return { name, type: 'DOUBLE', repetition_type };
    case 'integer':
      return { name, type: 'INT64', repetition_type };
    case 'boolean':
      return { name, type: 'BOOLEAN', repetition_type };
  }
}

/** A result cell as its column stores it. */
export function storedCell({ type }: ResultColumn, cell: ResultCell): unknown {
  if (cell === undefined || cell === null) return null;
  if (type === 'text') return String(cell);
  return type === 'integer' ? BigInt(cell) : cell;
}

/** The whole schema of a file. */
export function withRoot(elements: SchemaElement[]): SchemaElement[] {
  return [{ name: 'root', num_children: elements.length }, ...elements];
}

/** A declaration without what the values mean. */
export function storedElement({
  converted_type: _,
  logical_type: __,
  ...stored
}: SchemaElement): SchemaElement {
  return stored;
}
