import type { Column } from '../../tables/column.ts';

/**
 * Those of the compared features that no logged row has. A call without them would have been refused: it is the log that
 * leaves them out, and nothing is wrong with the calls.
 */
export function unloggedFeatures(
  features: readonly Column[],
  compared: readonly { name: string }[],
): string[] {
  const logged = new Set(features.map(({ name }) => name));
  return compared.map(({ name }) => name).filter((name) => !logged.has(name));
}

const shownUnlogged = 10;

export function unloggedWarning(names: readonly string[]): string {
  const more = names.length > shownUnlogged ? ', …' : '';
  return (
    `Not in the log, so not compared: ${names.slice(0, shownUnlogged).join(', ')}${more} ` +
    '(left out by MODELYARD_LOG_EXCLUDE_FEATURES, or all calls were made with tensors).'
  );
}
