import { type LogColumn, valueAt } from './column.ts';

/** The columns of the answers that identify units. */
export const unitColumns = ['at', 'entity_key', 'call'] as const;

/** Numbers assignment units (entities or calls) from 0 on. */
export interface UnitNumbers {
  /** The unit of each row of a segment. A row of a new unit gets the next number. */
  of(answers: ReadonlyMap<string, LogColumn>, at: Float64Array): (row: number) => number;
  /** Number of units so far. */
  count(): number;
}

/**
 * @param isSticky true: all calls of an entity are one unit, and a call without an entity is its own; false: every
 * call is its own unit
 */
export function numberUnits(isSticky: boolean): UnitNumbers {
  const entities = new Map<string, number>();
  const calls = new Map<string, number>();
  let count = 0;
  const numbered = (known: Map<string, number>, key: string): number => {
    const number = known.get(key);
    if (number !== undefined) return number;
    known.set(key, count);
    return count++;
  };
  return {
    of(answers, at) {
      const entity = isSticky ? answers.get('entity_key') : undefined;
      const call = answers.get('call');
      return (row) => {
        const key = entity === undefined ? null : valueAt(entity, row);
        if (key !== null) return numbered(entities, String(key));
        const shared = call === undefined ? null : valueAt(call, row);
        // A call of one row is a unit of its own.
        return shared === null ? count++ : numbered(calls, `${at[row]} ${shared}`);
      };
    },
    count: () => count,
  };
}
