import { type LogColumn, rowsOf } from './column.ts';

/**
 * A number of each logged row by which rows are drawn: the same for the same prediction id and seed, wherever and however
 * the row is stored, and else as good as random.
 */
export function drawNumbers(ids: LogColumn, seed: number): Float64Array {
  switch (ids.kind) {
    case 'uuids':
      return Float64Array.from({ length: rowsOf(ids) }, (_, row) => numberOfBytes(ids.bytes, row * 16, seed));
    case 'dictionary': {
      const numbers = ids.entries.map((entry) => numberOfId(String(entry), seed));
      return Float64Array.from(ids.codes, (code) => numbers[code] ?? 0);
    }
    case 'numbers':
      return Float64Array.from(ids.values, (id) => numberOfId(String(id), seed));
  }
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function numberOfId(id: string, seed: number): number {
  const isUuid = uuidPattern.test(id);
  const bytes = isUuid ? Buffer.from(id.replaceAll('-', ''), 'hex') : Buffer.from(id, 'utf8');
  if (isUuid) return numberOfBytes(bytes, 0, seed);
  const padded = Buffer.alloc(Math.ceil(Math.max(1, bytes.length) / 16) * 16);
  padded.set(bytes);
  let [mixed, number] = [seed ^ bytes.length, 0];
  for (let at = 0; at < padded.length; at += 16) {
    number = numberOfBytes(padded, at, mixed);
    mixed = number % 2 ** 32;
  }
  return number;
}

/** 52 bits of sixteen bytes: the mixing of MurmurHash3 (Appleby), four bytes at a time. */
function numberOfBytes(bytes: Buffer, at: number, seed: number): number {
  let [one, other] = [seed | 0, Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b];
  for (let word = at; word < at + 16; word += 4) {
    const value = bytes.readInt32LE(word);
    one = mix(one ^ value);
    other = mix((other + Math.imul(value, 0xcc9e2d51)) | 0);
  }
  return (mix(one ^ other) >>> 0) * 2 ** 20 + (mix(other + one) >>> 12);
}

function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/**
 * Finds the bound below which the smallest `wanted` of many numbers lie, with `2 · wanted` of them in memory: those rows are
 * a uniform draw without replacement.
 */
export function smallestOf(wanted: number) {
  const kept = new Float64Array(2 * wanted);
  let [count, seen, bound] = [0, 0, Number.POSITIVE_INFINITY];
  const cut = () => {
    kept.subarray(0, count).sort();
    count = Math.min(count, wanted);
    if (count === wanted) bound = kept[wanted - 1] ?? bound;
  };
  return {
    add(numbers: Float64Array): void {
      for (const number of numbers) {
        seen++;
        if (number > bound) continue;
        kept[count++] = number;
        if (count === kept.length) cut();
      }
    },
    /** Rows with a number up to `bound` are drawn. */
    finish(): { seen: number; bound: number } {
      cut();
      return { seen, bound };
    },
  };
}
