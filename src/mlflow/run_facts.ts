import type { OurVersion } from './registry_state.ts';

/** A version's metrics and hyperparameters as far as an MLflow run can hold them. */
export interface RunFacts {
  metrics: ReadonlyMap<string, number>;
  params: ReadonlyMap<string, string>;
  /** False where some have names or lengths that MLflow refuses: those are left out. */
  metricsAreWhole: boolean;
  paramsAreWhole: boolean;
}

/** The limit before MLflow 2.8, which accepts longer ones. */
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

/** Whether MLflow accepts it as the name of a metric or parameter. */
function isName(name: string): boolean {
  return /^[\w\-. :/]{1,250}$/.test(name) && !/^\/|\/\/|\/$|(^|\/)\.{1,2}(\/|$)/.test(name);
}
