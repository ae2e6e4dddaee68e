import { comparedColumn, pickRows } from '../compared_column.ts';
import { type MeasuredDrift, measureDrift, type ReportRequest } from '../drift_report.ts';
import type { GivenColumns } from '../given_rows/given_columns.ts';
import { type FileToRead, readFile } from '../given_rows/read_file.ts';
import type { WindowColumn } from '../log/window_column.ts';
import { splitArrays } from '../prediction_columns.ts';
import { profileReference } from '../reference_profile.ts';
import { encodeReferenceRows, type ReferenceRows } from '../reference_rows.ts';
import { encodeProfile, type StoredColumn } from '../stored_column.ts';

/** What takes longer than the thread that answers calls has: each by its name. */
export interface Tasks {
  readFile: { input: FileToRead; output: GivenColumns };
  profile: { input: ProfileRequest; output: ProfiledColumns };
  encodeRows: { input: ReferenceRows; output: Uint8Array<ArrayBuffer> };
  measureDrift: { input: ReportRequest; output: MeasuredDrift };
}
export type TaskName = keyof Tasks;

export interface TaskOrder<Name extends TaskName> {
  name: Name;
  input: Tasks[Name]['input'];
}

const tasks: {
  [Name in TaskName]: (input: Tasks[Name]['input']) => Promise<Tasks[Name]['output']>;
} = {
  readFile,
  profile: async (request) => profileColumns(request),
  encodeRows: async (rows) => encodeReferenceRows(rows),
  measureDrift,
};

export function carryOut<Name extends TaskName>({
  name,
  input,
}: TaskOrder<Name>): Promise<Tasks[Name]['output']> {
  return tasks[name](input);
}

export interface ProfileRequest {
  columns: WindowColumn[];
  /** They are answers, of which arrays are split. */
  areAnswers: boolean;
  /** Rows of which the values are wanted back. */
  sample: Uint32Array;
}

export interface ProfiledColumns {
  profiles: StoredColumn[];
  sample: WindowColumn[];
}

/** Profiles columns one after another, so that little more than them is in memory. */
function profileColumns({ columns, areAnswers, sample }: ProfileRequest): ProfiledColumns {
  const profiled = areAnswers ? columns.flatMap(splitArrays) : columns;
  return {
    profiles: profiled.map((column) => encodeProfile(profileReference(comparedColumn(column)))),
    sample: columns.map((column) => pickRows(column, sample)),
  };
}
