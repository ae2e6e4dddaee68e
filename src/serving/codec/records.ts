import { ModelYardError } from '../../errors.ts';
import type { Signature } from '../../registry/signature.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { datatype, elementCount } from './datatypes.ts';
import { describeDatatype, writeElement, writeMissing } from './elements.ts';

export type JsonRecord = Record<string, unknown>;

/**
 * Turns records into the model's input tensors: row i of every tensor comes from record i.
 * @param records `[{feature: value, …}, …]`, each with exactly the signature's features; null is a missing
 *   value, for a feature where the model takes one.
 * @throws SIGNATURE_MISMATCH naming the row, the feature, the value and what is expected.
 */
export function encodeRecords(signature: Signature, records: readonly JsonRecord[]): NamedTensors {
  const { features, inputs } = signature;
  if (features.length === 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      'This model has no named features, so it cannot be called with records.',
      'Call predict with `tensors`; get_model shows the inputs.',
    );
  records.forEach((record, row) => {
    requireFeatureNames(signature, record, row);
  });
  const tensors: NamedTensors = new Map();
  for (const input of inputs) {
    const columns = features.filter((feature) => feature.input === input.name);
    const shape = input.shape.length === 1 ? [records.length] : [records.length, columns.length];
    const [batch] = input.shape;
    if (batch !== undefined && batch !== -1 && batch !== records.length)
      throw new ModelYardError(
        'SIGNATURE_MISMATCH',
        `The model takes exactly ${batch} rows a call, but ${records.length} were given.`,
        `Give ${batch} records.`,
      );
    const type = datatype(input.datatype);
    const length = elementCount(shape);
    const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
    columns.forEach(({ name, column, nullable }) => {
      records.forEach((record, row) => {
        const value = record[name];
        const index = row * columns.length + column;
        const isMissing = value === null && nullable === true;
        if (!(isMissing ? writeMissing(data, index, type) : writeElement(data, index, type, value)))
          throw new ModelYardError(
            'SIGNATURE_MISMATCH',
            `Row ${row}, feature "${name}": expected ${describeDatatype(type)}, got ${show(value)}.`,
            value === null
              ? 'This model takes no missing value here: fill it in before the call.'
              : `Correct the value. ${expected(signature)}`,
          );
      });
    });
    tensors.set(input.name, { datatype: input.datatype, shape, data });
  }
  return tensors;
}

function requireFeatureNames({ features, ...rest }: Signature, record: JsonRecord, row: number): void {
  const missing = features.filter((feature) => !Object.hasOwn(record, feature.name));
  const names = Object.keys(record);
  if (missing.length === 0 && names.length === features.length) return;
  const unknown = names.filter((name) => !features.some((feature) => feature.name === name));
  const faults = [
    ...(missing.length > 0 ? [`missing ${list(missing.map((feature) => feature.name))}`] : []),
    ...(unknown.length > 0 ? [`unknown ${list(unknown)}`] : []),
  ];
  throw new ModelYardError(
    'SIGNATURE_MISMATCH',
    `Row ${row} does not have the model's features: ${faults.join('; ')}.`,
    expected({ features, ...rest }),
  );
}

function expected({ features }: Signature): string {
  return `Expected features: ${list(features.map((feature) => `${feature.name} (${datatype(feature.datatype).runtimeType})`))}.`;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 40).map((name) => (name.length > 80 ? `${name.slice(0, 80)}…` : name));
  return shown.join(', ') + (names.length > 40 ? ` and ${names.length - 40} more` : '');
}

/** A value as an error message shows it, short. */
export function show(value: unknown): string {
  if (value === null) return 'null (JSON has no NaN: a missing or not-a-number value arrives as null)';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
