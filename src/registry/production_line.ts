import type { StageTransitionRow } from '../storage/schema.ts';

/** A version's entry into production. */
export interface ProductionEntry {
  version: string;
  kind: StageTransitionRow['kind'];
}

/**
 * The versions that were in production, one below the other, the latest last: a promotion adds one on top, a rollback
 * removes all above the version it returns to. So two rollbacks in a row go back two versions instead of back and
 * forth.
 *
 * @param entries in the order in which they happened
 */
export function productionLine(entries: readonly ProductionEntry[]): string[] {
  const line: string[] = [];
  for (const { version, kind } of entries) {
    const position = kind === 'rollback' ? line.lastIndexOf(version) : -1;
    if (position === -1) line.push(version);
    else line.length = position + 1;
  }
  return line;
}

/**
 * The version to roll back to: the one below `current`, or the top one when nothing is in production.
 *
 * @param exists whether a version can still be returned to; others are skipped
 */
export function versionBefore(
  line: readonly string[],
  current: string | undefined,
  exists: (version: string) => boolean,
): string | undefined {
  const top = line.at(-1);
  const below = top !== undefined && top === current ? line.slice(0, -1) : line;
  return below.findLast((version) => version !== current && exists(version));
}
