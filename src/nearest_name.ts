import { closest, distance } from 'fastest-levenshtein';

const longestName = 512;
const maxNames = 10_000;

/** The known name that `wanted` is most likely a misspelling of; undefined when none is near. */
export function nearestName(wanted: string, known: readonly string[]): string | undefined {
  if (known.length === 0 || known.length > maxNames || wanted.length > longestName) return undefined;
  const spelled = wanted.toLowerCase();
  const same = known.find((name) => name.toLowerCase() === spelled);
  if (same !== undefined) return same;
  const nearest = closest(wanted, known);
  const edits = distance(wanted, nearest);
  const hasSomething = edits < Math.max(wanted.length, nearest.length);
  return hasSomething && edits <= Math.max(2, wanted.length / 3) ? nearest : undefined;
}
