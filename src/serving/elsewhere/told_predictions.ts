import { ModelYardError } from '../../errors.ts';
import { type ReadableFiles, withReadable } from '../../files/file_access.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { formatOf } from '../../tables/formats.ts';
import { withTable } from '../../tables/open_table.ts';
import { maxChunkRows, type Table, type TableRow } from '../../tables/table.ts';
import { listed } from '../codec/records.ts';
import type { ToldPrediction } from './check_prediction.ts';

/** Predictions made elsewhere: in the call, or in a file. */
export type ToldPredictions =
  | { kind: 'records'; predictions: readonly ToldPrediction[] }
  | { kind: 'path'; path: string };

/** A row and how errors call its place: `predictions[3]`, or `line 5`. */
export interface ToldRow {
  told: ToldPrediction;
  place: string;
  /** Why the row cannot be read. */
  fault: string | undefined;
}

const facts = ['prediction_id', 'prediction', 'actual', 'latency_ms', 'at', 'entity_key'] as const;

/**
 * The rows, some at a time. In a file they are columns: the features by their names, or (JSON Lines) an object `features`;
 * prediction, and where they are known prediction_id, P(class) for each class or an object `probabilities`, actual,
 * latency_ms, at, entity_key.
 * @throws INVALID_INPUT, SIGNATURE_MISMATCH (features without a column), PATH_NOT_ALLOWED
 */
export async function readTold(
  given: ToldPredictions,
  record: VersionRecord,
  files: ReadableFiles,
  take: (rows: readonly ToldRow[]) => Promise<void>,
): Promise<void> {
  if (given.kind === 'records') {
    const rows = given.predictions.map((told, index) => ({
      told,
      place: `predictions[${index}]`,
      fault: undefined,
    }));
    for (let start = 0; start < rows.length; start += maxChunkRows)
      await take(rows.slice(start, start + maxChunkRows));
    return;
  }
  const { path: shownPath } = given;
  await withReadable(shownPath, files, ({ fd, bytes }) =>
    withTable({ format: formatOf(shownPath), path: fd, shownPath, bytes }, async (table) => {
      const read = rowReader(table, record, shownPath);
      for await (const { rows } of table.chunks(read.mapping)) await take(rows.map(read.row));
    }),
  );
}

function rowReader<Carried>(table: Table<Carried>, { signature }: VersionRecord, shownPath: string) {
  const { columns } = table;
  const { features } = signature;
  const names = new Set(features.map(({ name }) => name));
  const isNested = columns.includes('features') && !names.has('features');
  const missing = isNested ? [] : [...names].filter((name) => !columns.includes(name));
  if (missing.length > 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${shownPath} has no column for ${missing.length} of ${names.size} features: ${listed(missing)}.`,
      `Its columns: ${listed(columns)}. Name them as the features are called.`,
    );
  // A column with the name of a feature is that feature.
  const isFact = (name: string) => columns.includes(name) && (isNested || !names.has(name));
  if (!isFact('prediction'))
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} has no column "prediction"${names.has('prediction') ? ' beside the feature of that name' : ''}.`,
      'Name the column of what was predicted so; a JSON Lines file may give the features as an object `features`.',
    );
  const classColumns = columns.flatMap((name) => {
    const [, label] = /^P\((.*)\)$/s.exec(name) ?? [];
    return label === undefined || !isFact(name) ? [] : [{ name, label }];
  });
  const others = [
    ...facts.filter(isFact),
    ...(isFact('probabilities') ? ['probabilities'] : []),
    ...(isNested ? ['features'] : []),
    ...classColumns.map(({ name }) => name),
  ];
  const positions = new Map(others.map((name, index) => [name, index]));
  return {
    mapping: {
      features: isNested ? [] : features,
      entityColumn: undefined,
      outcomeColumn: undefined,
      others,
    },
    row({ line, fault, features: own, others: values }: TableRow): ToldRow {
      const value = (name: string) => values[positions.get(name) ?? -1];
      const ofClasses = classColumns.map(({ name, label }) => [label, numberOf(value(name))] as const);
      const isAbsent = ofClasses.every(([, probability]) => probability === null);
      const told = {
        predictionId: value('prediction_id'),
        features: isNested ? value('features') : features.length === 0 ? undefined : own,
        prediction: value('prediction'),
        probabilities: isAbsent ? parsed(value('probabilities')) : Object.fromEntries(ofClasses),
        actual: value('actual'),
        latencyMs: value('latency_ms'),
        at: value('at'),
        entityKey: value('entity_key'),
      };
      return { told, place: `line ${line}`, fault };
    },
  };
}

/** The number in a cell of text. */
function numberOf(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return null;
  return typeof value === 'string' && !Number.isNaN(Number(value)) ? Number(value) : value;
}

/** An object given as JSON text, as in text formats. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || value === '') return value === '' ? null : value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
