/** A source of numbers in [0, 1). */
export type Random = () => number;

/**
 * A generator that gives the same numbers for the same seed on every machine (sfc32 by Chris Doty-Humphrey,
 * PractRand).
 */
export function seededRandom(seed: number): Random {
  let a = 0;
  let b = seed | 0;
  let c = Math.floor(seed / 2 ** 32) | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // The first rounds mix the seed in.
  for (let round = 0; round < 15; round++) next();
  return next;
}

/**
 * A seed of its own for every name (FNV-1a), so that the random numbers of one feature do not depend on which other
 * features there are.
 */
export function seedFor(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
