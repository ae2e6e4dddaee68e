import type { ColumnKind } from '../tables/column.ts';
import type { DatatypeName } from './datatypes.ts';
import type { Signature } from './signature.ts';

/** A feature to be read from rows, and how its values are compared. */
export interface FeatureKind {
  name: string;
  kind: ColumnKind;
}

/** A feature whose datatype is in the signature. */
export interface DeclaredFeature extends FeatureKind {
  datatype: DatatypeName;
}

export function featureKinds(signature: Signature): DeclaredFeature[] {
  return signature.features.map(({ name, datatype }) => ({ name, kind: kindOf(datatype), datatype }));
}

function kindOf(datatype: DatatypeName): ColumnKind {
  if (datatype === 'BOOL') return 'boolean';
  return datatype === 'BYTES' ? 'categorical' : 'numeric';
}
