import type { Column } from '../../tables/column.ts';
import { comparedColumn, pickRows } from '../rows/compared_column.ts';
import { splitArrays } from '../rows/prediction_columns.ts';
import { profileReference } from './reference_profile.ts';
import { encodeProfile, type StoredColumn } from './stored_column.ts';

export interface ProfileRequest {
  columns: Column[];
  /** They are answers, of which arrays are split. */
  areAnswers: boolean;
  /** Rows of which the values are wanted back. */
  sample: Uint32Array;
}

interface ProfiledColumns {
  profiles: StoredColumn[];
  sample: Column[];
}

/** Profiles columns one after another, so that little more than them is in memory. */
export function profileColumns({ columns, areAnswers, sample }: ProfileRequest): ProfiledColumns {
  const profiled = areAnswers ? columns.flatMap(splitArrays) : columns;
  return {
    profiles: profiled.map((column) => encodeProfile(profileReference(comparedColumn(column)))),
    sample: columns.map((column) => pickRows(column, sample)),
  };
}
