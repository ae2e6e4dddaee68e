import { uuidv7obj } from 'uuidv7';

/** The digits that count the rows of a block. */
const countedBytes = 4;

/** New prediction ids of the rows of a block, in order, as 16 bytes and as text each. */
export function rowIds(rows: number): { bytes: Buffer; texts: string[] } {
  const { bytes: base } = uuidv7obj();
  const first = Buffer.from(base);
  const text = uuidText(first);
  const prefix = text.slice(0, -2 * countedBytes);
  // Random, but for the highest bit, so that counting does not overflow.
  const start = first.readUInt32BE(16 - countedBytes) & 0x7fffffff;
  const bytes = Buffer.allocUnsafe(rows * 16);
  const texts = new Array<string>(rows);
  for (let row = 0; row < rows; row++) {
    first.copy(bytes, row * 16);
    bytes.writeUInt32BE(start + row, row * 16 + 16 - countedBytes);
    texts[row] = prefix + (start + row).toString(16).padStart(2 * countedBytes, '0');
  }
  return { bytes, texts };
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
