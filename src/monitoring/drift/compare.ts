import type { CategoricalProfile, FeatureProfile, NumericProfile } from '../reference/profile.ts';
import { type ComparedColumn, countValues, finiteValues } from '../rows/compared_column.ts';
import { type DriftMethod, measureCategories, measureNumbers, methodFor } from './methods/index.ts';
import { missingShare, missingSharePValue } from './missing_share.ts';
import type { DriftOptions, DriftResult } from './result.ts';
import { type Comparison, judge, minimumRows } from './verdict.ts';

const namedCategories = 3;
const maxName = 40;
const constantNote = 'The reference is constant.';

/**
 * Compares the current rows with the reference, feature by feature.
 *
 * A feature has drifted when there is both evidence (adjusted p, or a score above sampling noise) and size
 * (effect, or score over its threshold), when clearly more or fewer of its values are missing, or when its
 * column is absent or of another type. Whatever
 * the columns hold, the answer is one finite result a feature, in the reference's order with new columns
 * after it; where no verdict is possible the note says why.
 *
 * Pure: the same arguments give the same answer.
 *
 * @param rows of the current side; default the longest column's, which says nothing where there is no column
 */
export function compareColumns(
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
  options: DriftOptions,
  rows?: number,
): DriftResult[] {
  return judge(measureColumns(reference, current, options, rows), options);
}

/**
 * {@link compareColumns} without the verdict, for reports of several comparisons that are judged together: the
 * features in the reference's order with new columns after it.
 */
export function measureColumns(
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
  options: DriftOptions,
  rows = Math.max(0, ...current.map(({ values }) => values.length)),
): Comparison[] {
  const columns = new Map(current.map((column) => [column.name, column]));
  const known = new Set(reference.map(({ name }) => name));
  const comparisons = reference.map((profile) =>
    compareFeature(profile, columns.get(profile.name), options, rows),
  );
  const added = [...columns.values()].filter(({ name }) => !known.has(name));
  return [...comparisons, ...added.map((column) => newFeature(column, options))];
}

function compareFeature(
  profile: FeatureProfile,
  column: ComparedColumn | undefined,
  options: DriftOptions,
  rows: number,
): Comparison {
  const method = methodFor(profile.kind, options.method);
  const before = { rows: profile.count + profile.missing, missing: profile.missing };
  const known = {
    feature: profile.name,
    type: profile.kind,
    reference_n: before.rows,
    reference_missing: missingShare(before),
  };
  // A column is either there or not, without sampling error; but with few rows no verdict is given, and predictions
  // that are absent were simply not made.
  const isEvident = rows >= minimumRows && options.predictions?.includes(profile.name) !== true;
  const withoutVerdict = (cause: 'type' | 'absent', current_n: number, note: string): Comparison => ({
    broken: { cause, isEvident },
    measurement: { kind: 'none', method, note },
    facts: { ...known, current_n, current_missing: 0 },
    missingPValue: undefined,
    notes: [],
  });
  if (column === undefined)
    return withoutVerdict('absent', 0, 'COLUMN_ABSENT: the current rows have no such column.');

  let measured: Measured;
  if (profile.kind === 'numeric' && column.kind === 'numeric') {
    measured = measureNumericColumn(profile, column.values, method);
  } else if (profile.kind !== 'numeric' && column.kind !== 'numeric') {
    measured = measureCategoricalColumn(profile, column.values, method);
  } else {
    const note = `TYPE_CHANGED: ${profile.kind} in the reference, ${column.kind} in the current rows.`;
    return withoutVerdict('type', column.values.length, note);
  }

  const { measurement, present, notes } = measured;
  const now = { rows: column.values.length, missing: column.values.length - present };
  const enoughRows = Math.min(before.rows, now.rows) >= minimumRows;
  return {
    measurement,
    facts: { ...known, current_n: now.rows, current_missing: missingShare(now) },
    missingPValue:
      enoughRows && before.missing + now.missing > 0 ? missingSharePValue(before, now) : undefined,
    notes,
  };
}

interface Measured {
  measurement: Comparison['measurement'];
  /** Current rows with a value. */
  present: number;
  notes: string[];
}

function measureNumericColumn(profile: NumericProfile, column: Float64Array, method: DriftMethod): Measured {
  const values = finiteValues(column);
  const note = tooFewNote(profile.count, values.length);
  const measurement: Comparison['measurement'] =
    note === undefined ? measureNumbers(profile, values, method) : { kind: 'none', method, note };
  return { measurement, present: values.length, notes: profile.distinct === 1 ? [constantNote] : [] };
}

function measureCategoricalColumn(
  profile: CategoricalProfile,
  column: readonly (string | null)[],
  method: DriftMethod,
): Measured {
  const counts = countValues(column);
  let present = 0;
  for (const rows of counts.values()) present += rows;
  const note = tooFewNote(profile.count, present);
  const measurement: Comparison['measurement'] =
    note === undefined ? measureCategories(profile, counts, method) : { kind: 'none', method, note };
  const unseen = unseenNote(profile.counts, counts);
  const notes = profile.counts.size === 1 ? [constantNote] : [];
  return { measurement, present, notes: unseen === undefined ? notes : [...notes, unseen] };
}

function tooFewNote(referenceValues: number, currentValues: number): string | undefined {
  if (currentValues < minimumRows) {
    return `NOT_ENOUGH_DATA: ${currentValues} current values, ${minimumRows} needed for a verdict.`;
  }
  if (referenceValues < minimumRows) {
    return `NOT_ENOUGH_DATA: ${referenceValues} reference values, ${minimumRows} needed for a verdict.`;
  }
  return undefined;
}

/**
 * Names the most frequent categories that the reference lacks, quoted and shortened, since they are text from
 * outside.
 */
function unseenNote(
  reference: ReadonlyMap<string, number>,
  current: ReadonlyMap<string, number>,
): string | undefined {
  const unseen = [...current].filter(([category]) => !reference.has(category));
  if (unseen.length === 0) return undefined;
  let rows = 0;
  for (const [, count] of unseen) rows += count;
  const names = unseen
    .sort((one, other) => other[1] - one[1])
    .slice(0, namedCategories)
    .map(([category]) => JSON.stringify(category.slice(0, maxName)));
  const more = unseen.length > names.length ? ', …' : '';
  return `UNSEEN categories: ${unseen.length}, in ${rows} rows (${names.join(', ')}${more}).`;
}

function newFeature(column: ComparedColumn, options: DriftOptions): Comparison {
  const note = 'COLUMN_NEW: the reference has no such column.';
  const { name, kind, values } = column;
  const present =
    kind === 'numeric' ? finiteValues(values).length : values.filter((value) => value !== null).length;
  const now = { rows: values.length, missing: values.length - present };
  return {
    measurement: { kind: 'none', method: methodFor(kind, options.method), note },
    facts: {
      feature: name,
      type: kind,
      reference_n: 0,
      current_n: now.rows,
      reference_missing: 0,
      current_missing: missingShare(now),
    },
    missingPValue: undefined,
    notes: [],
  };
}
