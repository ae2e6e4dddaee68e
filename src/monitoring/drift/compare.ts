import { measureCategories, measureNumbers } from './measure.ts';
import type { Measurement } from './measurement.ts';
import { missingShare, missingSharePValue } from './missing_share.ts';
import {
  type CategoricalProfile,
  type Column,
  countValues,
  type FeatureProfile,
  finiteValues,
  type NumericProfile,
} from './profile.ts';
import type { DriftMethod, DriftOptions, DriftResult, FeatureType } from './result.ts';
import { type Comparison, judge } from './verdict.ts';

const DEFAULT_MINIMUM_ROWS = 30;
const NAMED_CATEGORIES = 3;
const LONGEST_NAME = 40;
const CONSTANT_NOTE = 'The reference is constant.';

/**
 * Compares the current rows with the reference, feature by feature.
 *
 * A feature has drifted when there is both evidence (adjusted p, or a score above sampling noise) and size
 * (effect, or score over its threshold), or when clearly more or fewer of its values are missing. Whatever
 * the columns hold, the answer is one finite result a feature, in the reference's order with new columns
 * after it; where no verdict is possible the note says why.
 *
 * Pure: the same arguments give the same answer.
 */
export function compareColumns(
  reference: readonly FeatureProfile[],
  current: readonly Column[],
  options: DriftOptions,
): DriftResult[] {
  return judge(measureColumns(reference, current, options), options);
}

/**
 * {@link compareColumns} without the verdict, for reports of several comparisons that are judged together: the
 * features in the reference's order with new columns after it.
 */
export function measureColumns(
  reference: readonly FeatureProfile[],
  current: readonly Column[],
  options: DriftOptions,
): Comparison[] {
  const columns = new Map(current.map((column) => [column.name, column]));
  const known = new Set(reference.map(({ name }) => name));
  const comparisons = reference.map((profile) => compareFeature(profile, columns.get(profile.name), options));
  const added = [...columns.values()].filter(({ name }) => !known.has(name));
  return [...comparisons, ...added.map((column) => newFeature(column, options))];
}

function compareFeature(
  profile: FeatureProfile,
  column: Column | undefined,
  options: DriftOptions,
): Comparison {
  const method = methodFor(profile.kind, options.method);
  const before = { rows: profile.count + profile.missing, missing: profile.missing };
  const known = {
    feature: profile.name,
    type: profile.kind,
    reference_n: before.rows,
    reference_missing: missingShare(before),
  };
  const withoutVerdict = (rows: number, note: string): Comparison => ({
    measurement: { kind: 'none', method, note },
    facts: { ...known, current_n: rows, current_missing: 0 },
    missingPValue: undefined,
    notes: [],
  });
  if (column === undefined) return withoutVerdict(0, 'COLUMN_ABSENT: the current rows have no such column.');

  let measured: Measured;
  if (profile.kind === 'numeric' && column.kind === 'numeric') {
    measured = measureNumericColumn(profile, column.values, method, options);
  } else if (profile.kind !== 'numeric' && column.kind !== 'numeric') {
    measured = measureCategoricalColumn(profile, column.values, method, options);
  } else {
    const note = `TYPE_CHANGED: ${profile.kind} in the reference, ${column.kind} in the current rows.`;
    return withoutVerdict(column.values.length, note);
  }

  const { measurement, present, notes } = measured;
  const now = { rows: column.values.length, missing: column.values.length - present };
  const enoughRows = Math.min(before.rows, now.rows) >= minimumRows(options);
  return {
    measurement,
    facts: { ...known, current_n: now.rows, current_missing: missingShare(now) },
    missingPValue:
      enoughRows && before.missing + now.missing > 0 ? missingSharePValue(before, now) : undefined,
    notes,
  };
}

interface Measured {
  measurement: Measurement;
  /** Current rows with a value. */
  present: number;
  notes: string[];
}

function measureNumericColumn(
  profile: NumericProfile,
  column: Float64Array,
  method: DriftMethod,
  options: DriftOptions,
): Measured {
  const values = finiteValues(column);
  const note = tooFewNote(profile.count, values.length, options);
  const measurement: Measurement =
    note === undefined ? measureNumbers(profile, values, method) : { kind: 'none', method, note };
  return { measurement, present: values.length, notes: profile.distinct === 1 ? [CONSTANT_NOTE] : [] };
}

function measureCategoricalColumn(
  profile: CategoricalProfile,
  column: readonly (string | null)[],
  method: DriftMethod,
  options: DriftOptions,
): Measured {
  const counts = countValues(column);
  let present = 0;
  for (const rows of counts.values()) present += rows;
  const note = tooFewNote(profile.count, present, options);
  const measurement: Measurement =
    note === undefined ? measureCategories(profile, counts, method) : { kind: 'none', method, note };
  const unseen = unseenNote(profile.counts, counts);
  const notes = profile.counts.size === 1 ? [CONSTANT_NOTE] : [];
  return { measurement, present, notes: unseen === undefined ? notes : [...notes, unseen] };
}

/** Values needed on either side for a verdict. */
export function minimumRows({
  minimumRows: rows = DEFAULT_MINIMUM_ROWS,
}: Pick<DriftOptions, 'minimumRows'>): number {
  return Math.max(1, rows);
}

function tooFewNote(
  referenceValues: number,
  currentValues: number,
  options: DriftOptions,
): string | undefined {
  const needed = minimumRows(options);
  if (currentValues < needed) {
    return `NOT_ENOUGH_DATA: ${currentValues} current values, ${needed} needed for a verdict.`;
  }
  if (referenceValues < needed) {
    return `NOT_ENOUGH_DATA: ${referenceValues} reference values, ${needed} needed for a verdict.`;
  }
  return undefined;
}

/**
 * Names the most frequent categories that the reference has not, quoted and cut short since they are foreign
 * text.
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
    .slice(0, NAMED_CATEGORIES)
    .map(([category]) => JSON.stringify(category.slice(0, LONGEST_NAME)));
  const more = unseen.length > names.length ? ', …' : '';
  return `UNSEEN categories: ${unseen.length}, in ${rows} rows (${names.join(', ')}${more}).`;
}

function newFeature(column: Column, options: DriftOptions): Comparison {
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

function methodFor(type: FeatureType, method: DriftOptions['method']): DriftMethod {
  if (method !== 'auto') return method;
  return type === 'numeric' ? 'ks_test' : 'chi_square';
}
