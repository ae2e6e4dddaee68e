import { ModelYardError } from '../../errors.ts';
import { profileColumn } from '../reference/profile.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import { segmentBy } from '../rows/segments.ts';
import { rowsByGroup, selectRows } from '../rows/select_rows.ts';
import { measureColumns } from './compare.ts';
import { type GroupDrift, type GroupedDrift, judgeGroups } from './judge_groups.ts';
import type { DriftOptions } from './result.ts';
import { minimumRows } from './verdict.ts';

export interface SegmentDrift extends GroupDrift {
  /** The segment's rows as a share of its side's. */
  reference_share: number;
  current_share: number;
}

/** Categories with a segment of their own. */
const maxSegments = 10;

/**
 * Compares the current rows with the reference segment by segment: finds drift that the whole hides because it is
 * in one segment only, or in opposite directions. The segment feature itself is not compared.
 *
 * @param reference the rows themselves, not profiles: a profile does not know which values came together
 * @param by the feature that tells segments apart; see `segmentBy`
 * @throws INVALID_INPUT when there is no such feature on both sides, of one kind, or columns differ in length
 */
export function compareSegments(
  reference: readonly ComparedColumn[],
  current: readonly ComparedColumn[],
  by: string,
  options: DriftOptions,
): GroupedDrift<SegmentDrift> {
  const before = segmentColumn(reference, by, 'The reference has');
  const now = segmentColumn(current, by, 'The current rows have');
  if ((before.kind === 'numeric') !== (now.kind === 'numeric')) {
    throw new ModelYardError(
      'INVALID_INPUT',
      `The segment feature "${by}" is ${before.kind} in the reference and ${now.kind} in the current rows.`,
      'Choose a feature that kept its kind.',
    );
  }
  const segmentation = segmentBy(before, now, maxSegments);
  const { names } = segmentation;
  const rowsBefore = rowsByGroup(segmentation.assign(before), names.length);
  const rowsNow = rowsByGroup(segmentation.assign(now), names.length);
  const others = (columns: readonly ComparedColumn[]) => columns.filter(({ name }) => name !== by);
  const groups = names.map((group, segment) => {
    const old = rowsBefore[segment] ?? new Uint32Array();
    const recent = rowsNow[segment] ?? new Uint32Array();
    const facts = {
      group,
      reference_n: old.length,
      current_n: recent.length,
      reference_share: shareOf(old.length, before.values.length),
      current_share: shareOf(recent.length, now.values.length),
    };
    if (Math.min(old.length, recent.length) < minimumRows) {
      const note = `NOT_ENOUGH_DATA: ${old.length} reference and ${recent.length} current rows, ${minimumRows} of either needed.`;
      return { facts: { ...facts, note }, comparisons: [] };
    }
    const profiles = others(reference).map((column) => profileColumn(selectRows(column, old)));
    const columns = others(current).map((column) => selectRows(column, recent));
    return { facts, comparisons: measureColumns(profiles, columns, options, recent.length) };
  });
  return judgeGroups(groups, options, 'segment');
}

function segmentColumn(columns: readonly ComparedColumn[], by: string, sideHas: string): ComparedColumn {
  const found = columns.find(({ name }) => name === by);
  if (found === undefined) {
    throw new ModelYardError(
      'INVALID_INPUT',
      `${sideHas} no feature "${by}" to tell segments by.`,
      `Choose one of: ${columns
        .map(({ name }) => name)
        .slice(0, 60)
        .join(', ')}.`,
    );
  }
  const odd = columns.find(({ values }) => values.length !== found.values.length);
  if (odd === undefined) return found;
  throw new ModelYardError(
    'INVALID_INPUT',
    `"${odd.name}" has ${odd.values.length} rows where "${by}" has ${found.values.length}.`,
    'Give columns of the same rows, with missing values where there are none.',
  );
}

function shareOf(rows: number, all: number): number {
  return all === 0 ? 0 : rows / all;
}
