/** A set of versions by their numbers, one bit each: 100 000 take 12 KB, and intersecting two sets takes microseconds. */
export interface VersionSet {
  bits: Uint32Array;
  size: number;
}

/** From the database's list of whole numbers with commas between them; null for an empty list. */
export function parseNumbers(list: string | null): number[] {
  const numbers: number[] = [];
  if (list === null) return numbers;
  let number = 0;
  for (let at = 0; at < list.length; at++) {
    const code = list.charCodeAt(at);
    if (code === comma) {
      numbers.push(number);
      number = 0;
    } else number = number * 10 + code - zero;
  }
  numbers.push(number);
  return numbers;
}
const comma = ','.charCodeAt(0);
const zero = '0'.charCodeAt(0);

export function setOf(numbers: readonly number[]): VersionSet {
  let highest = 0;
  for (const number of numbers) if (number > highest) highest = number;
  const bits = new Uint32Array((highest >>> 5) + 1);
  for (const number of numbers) bits[number >>> 5] = (bits[number >>> 5] ?? 0) | (1 << (number & 31));
  return { bits, size: countBits(bits) };
}

/** The intersection. */
export function intersect(one: VersionSet, other: VersionSet): VersionSet {
  const length = Math.min(one.bits.length, other.bits.length);
  const bits = one.bits.slice(0, length);
  for (let at = 0; at < length; at++) bits[at] = (bits[at] ?? 0) & (other.bits[at] ?? 0);
  return { bits, size: countBits(bits) };
}

export function has({ bits }: VersionSet, number: number): boolean {
  return ((bits[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
}

/** In ascending order. */
export function numbersOf({ bits }: VersionSet): number[] {
  const numbers: number[] = [];
  for (const [at, word] of bits.entries())
    for (let left = word; left !== 0; left &= left - 1) numbers.push(at * 32 + 31 - Math.clz32(left & -left));
  return numbers;
}

/** https://graphics.stanford.edu/~seander/bithacks.html#CountBitsSetParallel */
function countBits(bits: Uint32Array): number {
  let count = 0;
  for (const word of bits) {
    const pairs = word - ((word >>> 1) & 0x55555555);
    const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
    count += Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}
