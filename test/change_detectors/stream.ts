import { readFileSync } from 'node:fs';
import { nearlyNormal, uniforms } from '../monitoring/drift/recipe.ts';

interface Part {
  kind: 'normal' | 'bernoulli' | 'pareto' | 'uniform' | 'constant';
  size: number;
  share?: number;
  scale?: number;
  shift?: number;
  slope?: number;
}

/** How to make a stream; the same as in test/fixtures/online/make_streams.py, to the last bit. */
export interface StreamRecipe {
  seed: number;
  parts: Part[];
}

interface Expected {
  detector: 'adwin' | 'page_hinkley';
  /** In river's names. */
  options: {
    delta?: number;
    clock?: number;
    max_buckets?: number;
    min_window_length?: number;
    grace_period?: number;
    min_instances?: number;
    threshold?: number;
    alpha?: number;
    mode?: 'up' | 'down' | 'both';
  };
  /** Indices of the values at which a change was found. */
  changes: number[];
  /** Of the detector's figures after every value, as little-endian doubles. */
  sha256: string;
  /** The same figures after every so many values. */
  every: number;
  checkpoints: number[][];
}

export interface StreamCase {
  name: string;
  recipe: StreamRecipe;
  expected: Expected[];
}

const file = new URL('../fixtures/online/streams.json', import.meta.url);

const stored: { streams: StreamCase[] } = JSON.parse(readFileSync(file, 'utf8'));

/** What river says; written by test/fixtures/online/make_streams.py. */
export const streams = stored.streams;

export function streamOf({ seed, parts }: StreamRecipe): Float64Array {
  const uniform = uniforms(seed);
  const values = parts.flatMap((part) => {
    const { size, scale = 1, shift = 0, slope = 0 } = part;
    return Array.from({ length: size }, (_, row) => rawValue(part, uniform) * scale + shift + row * slope);
  });
  return Float64Array.from(values);
}

function rawValue({ kind, share = 0 }: Part, uniform: () => number): number {
  switch (kind) {
    case 'normal':
      return nearlyNormal(uniform);
    case 'bernoulli':
      return uniform() < share ? 1 : 0;
    case 'pareto':
      return 1 / Math.sqrt(uniform());
    case 'uniform':
      return uniform();
    case 'constant':
      return 0;
  }
}
