import type { FeatureProfile } from '../reference/profile.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import type { FeatureType } from './result.ts';

/** Columns that are absent, added or of another type in the current rows. */
export interface ColumnChanges {
  /** In the reference, not in the current rows. */
  absent: string[];
  /** In the current rows, not in the reference. */
  added: string[];
  /** Numeric columns that became text, or the reverse. */
  type_changed: { feature: string; reference: FeatureType; current: FeatureType }[];
}

/** Compares which columns there are; each list is in the order of its side. */
export function columnChanges(
  reference: readonly Pick<FeatureProfile, 'name' | 'kind'>[],
  current: readonly Pick<ComparedColumn, 'name' | 'kind'>[],
): ColumnChanges {
  const before = new Set(reference.map(({ name }) => name));
  const now = new Map(current.map(({ name, kind }) => [name, kind]));
  return {
    absent: reference.filter(({ name }) => !now.has(name)).map(({ name }) => name),
    added: current.filter(({ name }) => !before.has(name)).map(({ name }) => name),
    type_changed: reference.flatMap(({ name, kind }) => {
      const turned = now.get(name);
      // Booleans are categories here.
      if (turned === undefined || (turned === 'numeric') === (kind === 'numeric')) return [];
      return [{ feature: name, reference: kind, current: turned }];
    }),
  };
}
