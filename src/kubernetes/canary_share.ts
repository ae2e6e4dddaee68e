import type { Route } from '../serving/routing.ts';

/**
 * The part of the calls, in percent, that KServe is to give a version beside the one that it served before. The version that
 * has most of the calls is the one to be served before, so it has none of its own. A part that is not a whole percent is
 * rounded, but never to none or all.
 * @param route undefined: no version of the model was ever deployed
 */
export function canaryShare(route: Route | undefined, version: string): number | undefined {
  if (route === undefined || route.activeVersion === version) return undefined;
  const [, weight = 0] = route.weights.find(([name]) => name === version) ?? [];
  return weight === 0 ? 0 : Math.min(99, Math.max(1, Math.round(weight * 100)));
}
