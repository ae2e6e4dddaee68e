import { featureKinds } from '../registry/feature_kinds.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { Column } from '../tables/column.ts';
import type { LogWindow, WindowRequest } from './log_window.ts';
import type { WindowReader } from './window_reader.ts';

export interface OutcomeWindowRequest {
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /** Features by which the rows are divided into segments. */
  features?: readonly string[] | undefined;
  /** See prediction_log/log_window.ts. */
  rows: WindowRequest['rows'];
  route?: WindowRequest['route'];
  beside?: WindowRequest['beside'];
}

/** Predicted and actual values, row by row, in one form. */
export type Compared =
  /** Codes of `classes`; −1 where the call failed or the value is unknown. */
  | { kind: 'classes'; classes: string[]; predicted: Int32Array; actual: Int32Array }
  /** NaN where the call failed or the value is unknown. */
  | { kind: 'numbers'; predicted: Float64Array; actual: Float64Array }
  /** One column an element of the predicted arrays; actual values as JSON text. */
  | { kind: 'arrays'; predicted: Column[]; actual: Column | undefined };

/** Rows of one version, as prediction_log/window.ts reads them, with their outcomes. */
export interface OutcomeWindow
  extends Pick<
    LogWindow,
    'rows' | 'truncated' | 'at' | 'latencyMs' | 'features' | 'probabilities' | 'errors' | 'units'
  > {
  version: string;
  compared: Compared;
}

/**
 * Reads the rows of a version with their outcomes. Flush the log before.
 *
 * @throws STORAGE_UNAVAILABLE
 */
export async function readOutcomeWindow(
  readWindow: WindowReader,
  record: VersionRecord,
  { since, until, features = [], rows, route, beside }: OutcomeWindowRequest,
): Promise<OutcomeWindow> {
  const window = await readWindow({
    modelId: record.modelId,
    version: record.version,
    since,
    until,
    rows,
    route,
    beside,
    features: featureKinds(record.signature).filter(({ name }) => features.includes(name)),
  });
  const { values, actual, ...rest } = window;
  return { ...rest, version: record.version, compared: compareAnswers(record, values, actual, window.rows) };
}

/** Predicted and actual values, in the form of the model's predictions. */
export function compareAnswers(
  { signature }: Pick<VersionRecord, 'signature'>,
  values: readonly Column[],
  actual: Column | undefined,
  rows: number,
): Compared {
  const [predicted] = values;
  if (values.length > 1) return { kind: 'arrays', predicted: [...values], actual };
  const isClass = signature.outputs.some(({ role }) => role !== undefined);
  const areNumbers = [predicted, actual].every((column) => column === undefined || column.kind === 'numeric');
  if (areNumbers && !isClass)
    return { kind: 'numbers', predicted: numbersOf(predicted, rows), actual: numbersOf(actual, rows) };
  const classes: string[] = [];
  const codes = new Map<string, number>();
  const codeOf = (text: string): number => {
    const known = codes.get(text);
    if (known !== undefined) return known;
    codes.set(text, classes.length);
    return classes.push(text) - 1;
  };
  return {
    kind: 'classes',
    classes,
    predicted: classCodes(predicted, rows, codeOf),
    actual: classCodes(actual, rows, codeOf),
  };
}

function numbersOf(column: Column | undefined, rows: number): Float64Array {
  return column?.kind === 'numeric' ? column.values : new Float64Array(rows).fill(Number.NaN);
}

function classCodes(column: Column | undefined, rows: number, codeOf: (text: string) => number): Int32Array {
  if (column === undefined) return new Int32Array(rows).fill(-1);
  if (column.kind === 'numeric')
    return Int32Array.from(column.values, (value) => (Number.isNaN(value) ? -1 : codeOf(String(value))));
  const translated = column.categories.map(codeOf);
  return column.codes.map((code) => translated[code] ?? -1);
}

/** How many predictions were answered, and how many of them have an outcome. */
export async function countOutcomes(
  database: Database,
  modelId: string,
  version?: string | undefined,
): Promise<{ answered: number; withOutcome: number }> {
  let segments = database.selectFrom('prediction_segments').where('model_id', '=', modelId);
  if (version !== undefined) segments = segments.where('version', '=', version);
  const { answered, outcomes } = await segments
    .select((eb) => [
      eb.fn.sum<number | null>('answered').as('answered'),
      eb.fn.sum<number | null>('outcomes').as('outcomes'),
    ])
    .executeTakeFirstOrThrow();
  return { answered: Number(answered ?? 0), withOutcome: Number(outcomes ?? 0) };
}
