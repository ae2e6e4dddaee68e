import type { ColumnChunk, Encoding } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer';
import { writeDataPageV2 } from 'hyparquet-writer/src/datapage.js';
import { writeDictionaryPage } from 'hyparquet-writer/src/dictionary.js';
import { resultElement, storedCell, storedElement } from './parquet_columns.ts';
import type { ResultCell, ResultColumn, ResultValues } from './table.ts';

/** Rows of a page: small enough that encoding one holds nobody up. */
const pageRows = 20_000;
/** A column with more different texts is written without a dictionary from there on. */
const maxDictionary = 1000;

/** A column that the output adds to a row group, encoded page by page as its rows come. */
export function resultColumnChunk(result: ResultColumn) {
  const element = storedElement(resultElement(result));
  const column = {
    columnName: result.name,
    element,
    schemaPath: [{ name: 'root', num_children: 1 }, element],
    codec: 'UNCOMPRESSED' as const,
    compressors: {},
    stats: false,
    pageSize: 0,
    columnIndex: false,
    offsetIndex: false,
  };
  const pages = new ByteWriter();
  const dictionary = new Map<unknown, number>();
  let isPlain = result.type !== 'text';
  let values: unknown[] = [];
  /** The rows of a page of numbers, NaN for none. */
  const numbers = new Float64Array(result.type === 'number' ? pageRows : 0);
  let heldNumbers = 0;
  let rows = 0;

  /** Positions in the dictionary; undefined where there are too many texts. */
  const positions = () => {
    const found: unknown[] = [];
    for (const value of values) {
      let position = value === null ? null : dictionary.get(value);
      if (position === undefined) {
        if (dictionary.size >= maxDictionary) return undefined;
        position = dictionary.size;
        dictionary.set(value, position);
      }
      found.push(position);
    }
    return found;
  };
  const writePage = () => {
    if (values.length === 0) return;
    const inDictionary = isPlain ? undefined : positions();
    isPlain ||= inDictionary === undefined;
    // A page without any text needs no dictionary, and there may be none.
    const isCoded = inDictionary !== undefined && dictionary.size > 0;
    const encoding: Encoding = isCoded ? 'RLE_DICTIONARY' : 'PLAIN';
    const pageData = {
      values: isCoded ? inDictionary : values.map(asBytes),
      definitionLevels: values.map((value) => Number(value !== null)),
      repetitionLevels: [],
      maxDefinitionLevel: 1,
    };
    writeDataPageV2({ writer: pages, column, encoding, pageData });
    values = [];
  };
  const writeNumbers = () => {
    if (heldNumbers === 0) return;
    const page = numbers.slice(0, heldNumbers);
    heldNumbers = 0;
    const hasNull = page.some(Number.isNaN);
    const pageData = {
      values: hasNull ? Array.from(page, (value) => (Number.isNaN(value) ? null : value)) : page,
      definitionLevels: hasNull
        ? Array.from(page, (value) => Number(!Number.isNaN(value)))
        : new Array<number>(page.length).fill(1),
      repetitionLevels: [],
      maxDefinitionLevel: 1,
    };
    writeDataPageV2({ writer: pages, column, encoding: 'PLAIN', pageData });
  };
  const pushNumber = (value: number) => {
    rows++;
    numbers[heldNumbers++] = value;
    if (heldNumbers === pageRows) writeNumbers();
  };
  const push = (value: unknown) => {
    rows++;
    if (values.push(value) >= pageRows) writePage();
  };

  return {
    add(cell: ResultCell): void {
      if (result.type === 'number') pushNumber(typeof cell === 'number' ? cell : Number.NaN);
      else push(storedCell(result, cell));
    },
    addAll(given: ResultValues, count: number): void {
      if ('numbers' in given)
        for (const number of given.numbers) push(Number.isNaN(number) ? null : storedCell(result, number));
      else {
        const stored = given.values.map((cell) => storedCell(result, cell));
        for (let row = 0; row < count; row++) {
          const value = stored[given.positions[row] ?? 0] ?? null;
          if (result.type === 'number') pushNumber(typeof value === 'number' ? value : Number.NaN);
          else push(value);
        }
      }
    },
    /** All rows, as they are to be written at that place of the file. */
    finish(offset: number): { bytes: Uint8Array[]; chunk: ColumnChunk } {
      writePage();
      writeNumbers();
      const first = new ByteWriter();
      if (dictionary.size > 0) writeDictionaryPage(first, column, Array.from(dictionary.keys(), asBytes));
      const size = BigInt(first.offset + pages.offset);
      const encodings: Encoding[] = dictionary.size > 0 ? ['PLAIN', 'RLE_DICTIONARY'] : ['PLAIN'];
      return {
        bytes: [first.getBytes(), pages.getBytes()],
        chunk: {
          file_offset: BigInt(offset),
          meta_data: {
            type: element.type ?? 'BYTE_ARRAY',
            encodings,
            path_in_schema: [result.name],
            codec: column.codec,
            num_values: BigInt(rows),
            total_uncompressed_size: size,
            total_compressed_size: size,
            data_page_offset: BigInt(offset + first.offset),
            ...(dictionary.size > 0 && { dictionary_page_offset: BigInt(offset) }),
          },
        },
      };
    },
  };
}

function asBytes(value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value) : value;
}
