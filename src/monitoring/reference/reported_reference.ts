import { type NewReference, type Reference, readCounts } from './reference.ts';

/** What rows were compared with: a stored reference, or rows of the call, which have neither an id nor a time. */
export type ReportedReference = Omit<Reference, 'referenceId' | 'createdAt'> & {
  referenceId: string | undefined;
  createdAt: number | undefined;
};

/** Given rows in the place of a stored reference; there is no id or time of them. */
export function asReference({ source, rows, features, predictions, kept }: NewReference): ReportedReference {
  const listed = (columns: NewReference['features']) =>
    columns.map(({ name, kind, facts }) => ({ name, kind, ...readCounts(name, facts) }));
  return {
    referenceId: undefined,
    createdAt: undefined,
    source,
    rows,
    features: listed(features),
    predictions: listed(predictions),
    keptRows: kept.rows,
    outcomes: kept.outcomes,
  };
}
