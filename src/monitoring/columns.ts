import type { DatatypeName } from '../registry/datatypes.ts';
import type { Signature } from '../registry/signature.ts';
import type { Column } from './drift/profile.ts';

/** A feature to be read from rows, and how its values compare. */
export interface FeatureKind {
  name: string;
  kind: Column['kind'];
}

export function featureKinds(signature: Signature): FeatureKind[] {
  return signature.features.map(({ name, datatype }) => ({ name, kind: kindOf(datatype) }));
}

function kindOf(datatype: DatatypeName): Column['kind'] {
  if (datatype === 'BOOL') return 'boolean';
  return datatype === 'BYTES' ? 'categorical' : 'numeric';
}
