import type { Column, FeatureProfile } from './profile.ts';
import type { FeatureType } from './result.ts';

/** Columns that came, went or turned into another kind between the reference and the current rows. */
export interface ColumnChanges {
  /** In the reference, not in the current rows. */
  absent: string[];
  /** In the current rows, not in the reference. */
  added: string[];
  /** Numbers that became text, or the other way round. */
  type_changed: { feature: string; reference: FeatureType; current: FeatureType }[];
}

/** Compares which columns there are; each list in its side's order. */
export function columnChanges(
  reference: readonly Pick<FeatureProfile, 'name' | 'kind'>[],
  current: readonly Pick<Column, 'name' | 'kind'>[],
): ColumnChanges {
  const before = new Set(reference.map(({ name }) => name));
  const now = new Map(current.map(({ name, kind }) => [name, kind]));
  return {
    absent: reference.filter(({ name }) => !now.has(name)).map(({ name }) => name),
    added: current.filter(({ name }) => !before.has(name)).map(({ name }) => name),
    type_changed: reference.flatMap(({ name, kind }) => {
      const turned = now.get(name);
      // A boolean is a category like any other here.
      if (turned === undefined || (turned === 'numeric') === (kind === 'numeric')) return [];
      return [{ feature: name, reference: kind, current: turned }];
    }),
  };
}
