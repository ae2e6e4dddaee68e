import type { OurVersion } from './registry_state.ts';

/** A version's metrics and hyperparameters as a run in MLflow can hold them. */
export interface RunFacts {
  metrics: ReadonlyMap<string, number>;
  params: ReadonlyMap<string, string>;
  /** False where some have names or lengths that MLflow does not take: those are not among them. */
  metricsAreWhole: boolean;
  paramsAreWhole: boolean;
}

/** MLflow takes longer ones since 2.8; before, this was the most. */
const longestParam = 500;

export function runFacts({ record, metrics }: OurVersion): RunFacts {
  const given = Object.entries(record.hyperparameters ?? {}).map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
  );
  const named = given.filter(([name]) => isName(name));
  const known = [...metrics].filter(([name]) => isName(name));
  return {
    metrics: new Map(known),
    params: new Map(named.map(([name, text]) => [name, text.slice(0, longestParam)])),
    metricsAreWhole: known.length === metrics.size,
    paramsAreWhole: named.length === given.length && named.every(([, text]) => text.length <= longestParam),
  };
}

/** What MLflow takes as the name of a metric or a parameter. */
function isName(name: string): boolean {
  return /^[\w\-. :/]{1,250}$/.test(name) && !/^\/|\/\/|\/$|(^|\/)\.{1,2}(\/|$)/.test(name);
}
