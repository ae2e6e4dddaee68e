import type { RouteKind } from './prediction_sink.ts';

/** Where a model's calls go. */
export interface Route {
  /** The version with the most traffic. */
  activeVersion: string;
  /** [version, weight] in the order of their ranges; the weights sum to 1. A weight of 0 stands by as a fallback. */
  weights: readonly (readonly [version: string, weight: number])[];
  sticky: boolean;
  shadowVersion: string | undefined;
}

/** What a choice can come to. */
export type Choice = { version: string; route: RouteKind } | { refused: 'not_routed' | 'all_open' };

const points = 10_000;

/**
 * Chooses the version for a call: a pure function of the route, the entity key, which versions may be called,
 * and a random number. A key always falls on the same point of 0 … 9 999, and the weights are ranges of
 * those points in a fixed order, so a canary whose weight grows keeps the keys it has.
 * @param isCallable false for a version whose breaker is open.
 * @param random in [0, 1), used without a key or when the route is not sticky.
 */
export function chooseVersion(
  modelId: string,
  route: Route | undefined,
  entityKey: string | undefined,
  isCallable: (version: string) => boolean,
  random: number,
): Choice {
  if (route === undefined) return { refused: 'not_routed' };
  const sticks = route.sticky && entityKey !== undefined;
  const point = sticks ? stickyPoint(modelId, entityKey) : Math.floor(random * points);
  const chosen = versionAt(route.weights, point);
  const alone = route.weights.some(([, weight]) => weight === 1);
  if (isCallable(chosen)) return { version: chosen, route: alone ? 'active' : 'weighted' };
  const healthy = route.weights.filter(([version]) => isCallable(version));
  if (healthy.length === 0) return { refused: 'all_open' };
  const share = healthy.reduce((sum, [, weight]) => sum + weight, 0);
  const rescaled = healthy.map(
    ([version, weight]) => [version, share === 0 ? 1 / healthy.length : weight / share] as const,
  );
  return { version: versionAt(rescaled, point), route: 'fallback' };
}

function versionAt(weights: Route['weights'], point: number): string {
  let end = 0;
  let last = '';
  for (const [version, weight] of weights) {
    end += weight * points;
    if (weight > 0) last = version;
    // Weights such as 0.1 + 0.2 do not add up exactly: a ten-thousandth is finer than any of them.
    if (point < Math.round(end)) return version;
  }
  return last;
}

/** The point of a key, by FNV-1a twice: once for the key, once to spread its low bits. */
export function stickyPoint(seed: string, key: string): number {
  return fnv1a(String(fnv1a(`${seed}${key}`))) % points;
}

/** 32-bit FNV-1a over the UTF-8 bytes; http://www.isthe.com/chongo/tech/comp/fnv/ */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
