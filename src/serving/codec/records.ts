import { visible } from '../../access/shown_text.ts';
import { ModelYardError } from '../../errors.ts';
import { nearestName } from '../../nearest_name.ts';
import type { Signature } from '../../registry/signature.ts';
import { quotedName } from '../../stored_texts.ts';
import { datatype, elementCount } from '../../tensors/datatypes.ts';
import { describeDatatype, writeElement, writeMissing } from '../../tensors/elements.ts';
import { show } from '../../tensors/shown_value.ts';
import type { NamedTensors } from '../engine/protocol.ts';

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
    const type = datatype(input.datatype);
    const length = elementCount(shape);
    const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
    columns.forEach(({ name, column, nullable, missing_category }) => {
      records.forEach((record, row) => {
        const value = record[name];
        const index = row * columns.length + column;
        const isMissing = value === null && nullable === true;
        if (!(isMissing ? writeMissing(data, index, type) : writeElement(data, index, type, value)))
          throw new ModelYardError(
            'SIGNATURE_MISMATCH',
            `Row ${row}, feature "${shown(name)}": expected ${describeDatatype(type)}, got ${show(value)}.`,
            value === null
              ? missing_category === undefined
                ? 'This model takes no missing value here: fill it in before the call.'
                : `The model's encoder has the category "${missing_category}", which is what missing values of the training data became: if null means a missing value here, send the text "${missing_category}".`
              : `${nullable === true && value === 'NaN' ? 'A missing value is null.' : 'Correct the value.'} ${expected(signature)}`,
          );
      });
    });
    tensors.set(input.name, { datatype: input.datatype, shape, data });
  }
  return tensors;
}

function requireFeatureNames(signature: Signature, record: JsonRecord, row: number): void {
  const { features } = signature;
  const names = Object.keys(record);
  if (names.length === features.length && features.every(({ name }) => Object.hasOwn(record, name))) return;
  const missing = features.filter((feature) => !Object.hasOwn(record, feature.name));
  const known = new Set(features.map((feature) => feature.name));
  const unknown = names.filter((name) => !known.has(name));
  const faults = [
    ...(missing.length > 0 ? [`missing ${listed(missing.map((feature) => feature.name))}`] : []),
    ...(unknown.length > 0 ? [`unknown ${listed(unknown)}`] : []),
  ];
  throw new ModelYardError(
    'SIGNATURE_MISMATCH',
    `Row ${row} does not have the model's features: ${faults.join('; ')}.`,
    `${didYouMean(
      unknown,
      missing.map((feature) => feature.name),
    )}${expected(signature)}`,
  );
}

function expected({ features }: Signature): string {
  const described = features
    .slice(0, maxListed)
    .map(({ name, datatype: type }) => `${short(name)} (${datatype(type).runtimeType})`);
  return `Give exactly these features: ${described.join(', ')}${more(features.length)}.`;
}

/** `Did you mean a for A? `: unknown names, each with the missing name that was probably meant; at most three. */
export function didYouMean(unknown: readonly string[], missing: readonly string[]): string {
  const pairs = unknown.slice(0, 3).flatMap((name) => {
    const nearest = nearestName(name, missing);
    return nearest === undefined ? [] : [`${short(nearest)} for ${short(name)}`];
  });
  return pairs.length === 0 ? '' : `Did you mean ${pairs.join(', ')}? `;
}

const maxListed = 40;
const longestShown = 80;

/** Names for an error message: the first forty, long ones shortened. */
export function listed(names: readonly string[]): string {
  return names.slice(0, maxListed).map(short).join(', ') + more(names.length);
}

function more(count: number): string {
  return count > maxListed ? ` and ${count - maxListed} more` : '';
}

/** A name of the model's or the caller's for an error message. */
function short(name: string): string {
  return quotedName(shown(name));
}

function shown(name: string): string {
  return visible(name.length > longestShown ? `${name.slice(0, longestShown)}…` : name);
}
