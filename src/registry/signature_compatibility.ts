import { classesOf } from './class_labels.ts';
import type { DatatypeName } from './datatypes.ts';
import { describeTensors, type Feature, type Signature, type TensorSpec } from './signature.ts';

/** What callers see of a version; a version record has it all. */
export interface CalledSignature {
  signature: Signature;
  /** The names given to the classes; undefined where the model's own are used. */
  classLabels?: readonly string[] | undefined;
}

export interface SignatureDifferences {
  /** Why calls that were valid before are refused or misread now, a sentence each; empty: callers need no change. */
  breaking: string[];
  /** What else is different. */
  other: string[];
}

/**
 * What is different for callers when `after` answers in the place of `before`. A change is breaking when records
 * that were taken are refused, or an answer has another form: features that are missing, new, renamed or take fewer
 * values; outputs that are missing, renamed or of another kind; other classes. A new feature breaks also where
 * it may be null, since a record must have every feature. Of a model without features the input tensors count.
 */
export function compareSignatures(before: CalledSignature, after: CalledSignature): SignatureDifferences {
  const differences: SignatureDifferences = { breaking: [], other: [] };
  compareInputs(before.signature, after.signature, differences);
  compareOutputs(before.signature.outputs, after.signature.outputs, differences);
  compareClasses(classNames(before), classNames(after), differences);
  return differences;
}

function compareInputs(before: Signature, after: Signature, found: SignatureDifferences): void {
  const hadFeatures = before.features.length > 0;
  const hasFeatures = after.features.length > 0;
  const isTabular = hadFeatures && hasFeatures;
  if (isTabular) compareFeatures(before.features, after.features, found);
  else if (hadFeatures)
    found.breaking.push('It has no named features any more: it is called with tensors, not with records.');
  else if (hasFeatures) found.other.push('It has named features now, and can be called with records.');
  compareBatch(before.inputs, after.inputs, found);
  // Records are turned into the tensors that the model takes, so shapes matter only to callers that send tensors.
  compareInputTensors(before.inputs, after.inputs, (sentence, isBreaking) => {
    if (isBreaking && !hadFeatures) found.breaking.push(sentence);
    else if (isTabular && isBreaking) found.other.push(`For callers of tensors: ${sentence}`);
    else if (!isTabular) found.other.push(sentence);
  });
}

function compareFeatures(
  before: readonly Feature[],
  after: readonly Feature[],
  { breaking, other }: SignatureDifferences,
): void {
  const then = new Map(before.map((feature) => [feature.name, feature]));
  const now = new Map(after.map((feature) => [feature.name, feature]));
  const renamed = before.flatMap(({ name }, index) => {
    const successor = after[index]?.name ?? name;
    const isRenamed = before.length === after.length && !now.has(name) && !then.has(successor);
    return isRenamed ? [[name, successor] as const] : [];
  });
  const newNames = new Map(renamed);
  const oldNames = new Map(renamed.map(([old, name]) => [name, old]));
  const missing = before.filter(({ name }) => !now.has(name) && !newNames.has(name));
  const added = after.filter(({ name }) => !then.has(name) && !oldNames.has(name));
  if (missing.length > 0) breaking.push(`Features that are no longer there: ${listed(missing.map(nameOf))}.`);
  if (added.length > 0)
    breaking.push(
      `New features that every record must have: ${listed(added.map(({ name, datatype, nullable }) => `${shortened(name)} (${datatype}${nullable ? ', may be null' : ''})`))}.`,
    );
  if (renamed.length > 0)
    breaking.push(
      `Features that are called otherwise: ${listed(renamed.map(([old, name]) => `${shortened(old)} is ${shortened(name)} now`))}.`,
    );
  const kept = before.flatMap((feature) => {
    const successor = now.get(newNames.get(feature.name) ?? feature.name);
    return successor === undefined ? [] : [[feature, successor] as const];
  });
  const retyped = kept.filter(([old, successor]) => old.datatype !== successor.datatype);
  const shown = (pairs: typeof kept) =>
    listed(pairs.map(([a, b]) => `${shortened(a.name)} was ${a.datatype}, is ${b.datatype}`));
  const narrowed = retyped.filter(([a, b]) => !takesAllOf(b.datatype, a.datatype));
  const widened = retyped.filter(([a, b]) => takesAllOf(b.datatype, a.datatype));
  if (narrowed.length > 0)
    breaking.push(`Features of a datatype that takes fewer values: ${shown(narrowed)}.`);
  if (widened.length > 0) other.push(`Features of a datatype that takes more values: ${shown(widened)}.`);
  const required = kept.filter(([old, successor]) => old.nullable && !successor.nullable);
  const freed = kept.filter(([old, successor]) => !old.nullable && successor.nullable);
  if (required.length > 0)
    breaking.push(`Features that may not be null any more: ${listed(required.map(([old]) => nameOf(old)))}.`);
  if (freed.length > 0)
    other.push(`Features that may be null now: ${listed(freed.map(([old]) => nameOf(old)))}.`);
}

/** The rows that a call may have: the first dimension of the inputs. */
function compareBatch(
  before: readonly TensorSpec[],
  after: readonly TensorSpec[],
  { breaking, other }: SignatureDifferences,
): void {
  const rowsThen = fixedRows(before);
  const rowsNow = fixedRows(after);
  if (rowsThen === rowsNow) return;
  if (rowsNow === undefined)
    other.push(`A call may have any number of rows now, no longer just ${rowsThen}.`);
  else breaking.push(`A call must have exactly ${rowsNow} rows now; before ${rowsThen ?? 'any number'}.`);
}

function fixedRows(inputs: readonly TensorSpec[]): number | undefined {
  return inputs.map(({ shape }) => shape[0]).find((rows) => rows !== undefined && rows !== -1);
}

function compareInputTensors(
  before: readonly TensorSpec[],
  after: readonly TensorSpec[],
  say: (sentence: string, isBreaking: boolean) => void,
): void {
  for (const old of before) {
    const input = after.find(({ name }) => name === old.name);
    if (input === undefined) say(`There is no input ${describeTensors([old])} any more.`, true);
    else if (describeTensors([old]) !== describeTensors([input]))
      say(
        `The input ${describeTensors([old])} is ${describeTensors([input])} now.`,
        old.datatype !== input.datatype || !takesShape(input, old),
      );
  }
  const added = after.filter(({ name }) => !before.some((old) => old.name === name));
  if (added.length > 0) say(`There are new inputs: ${describeTensors(added)}.`, true);
}

/** Whether every tensor of the old input's shape fits the new one; rows are compared by compareBatch. */
function takesShape(input: TensorSpec, old: TensorSpec): boolean {
  if (input.unranked) return true;
  if (old.unranked || input.shape.length !== old.shape.length) return false;
  return input.shape.every((size, axis) => axis === 0 || size === -1 || size === old.shape[axis]);
}

function compareOutputs(
  before: readonly TensorSpec[],
  after: readonly TensorSpec[],
  { breaking, other }: SignatureDifferences,
): void {
  for (const old of before) {
    const output = after.find(({ name }) => name === old.name);
    if (output === undefined) {
      breaking.push(`There is no output ${describeTensors([old])} any more.`);
      continue;
    }
    const tells = `The output ${describeTensors([old])} is ${describeTensors([output])} now.`;
    if (valueKind[old.datatype] !== valueKind[output.datatype] || !isWithin(output, old))
      breaking.push(tells);
    else if (describeTensors([old]) !== describeTensors([output])) other.push(tells);
    if (old.role !== output.role)
      breaking.push(
        `The output ${shortened(old.name)} ${saidRole(output)} now; before it ${saidRole(old).replace('is', 'was')}.`,
      );
  }
  for (const output of after.filter(({ name }) => !before.some((old) => old.name === name))) {
    // Without a label or classes the value of a prediction is made of all outputs.
    const changesValue =
      before.every(({ role }) => role === undefined) ||
      (output.role === 'label' && before.every(({ role }) => role !== 'label'));
    (changesValue ? breaking : other).push(`There is a new output: ${describeTensors([output])}.`);
  }
}

/** Whether what the new output gives is of a shape that the old one promised. */
function isWithin(output: TensorSpec, old: TensorSpec): boolean {
  if (old.unranked) return true;
  if (output.unranked || output.shape.length !== old.shape.length) return false;
  return old.shape.every((size, axis) => axis === 0 || size === -1 || size === output.shape[axis]);
}

function saidRole({ role }: TensorSpec): string {
  return role === undefined ? 'is a value in its own right' : `is the ${role}`;
}

function classNames({ signature, classLabels }: CalledSignature): readonly string[] {
  return classLabels ?? classesOf(signature.outputs) ?? [];
}

function compareClasses(
  before: readonly string[],
  after: readonly string[],
  { breaking, other }: SignatureDifferences,
): void {
  const gone = before.filter((name) => !after.includes(name));
  const added = after.filter((name) => !before.includes(name));
  if (gone.length > 0) breaking.push(`Classes that are no longer there: ${listed(gone.map(shortened))}.`);
  if (added.length > 0) breaking.push(`New classes: ${listed(added.map(shortened))}.`);
  if (gone.length === 0 && added.length === 0 && before.some((name, index) => name !== after[index]))
    other.push(`The classes are in another order: ${listed(after.map(shortened))}.`);
}

/** What a value of a datatype looks like in an answer. */
const valueKind: Record<DatatypeName, 'truth' | 'whole' | 'fraction' | 'text'> = {
  BOOL: 'truth',
  INT8: 'whole',
  INT16: 'whole',
  INT32: 'whole',
  INT64: 'whole',
  UINT8: 'whole',
  UINT16: 'whole',
  UINT32: 'whole',
  UINT64: 'whole',
  FP16: 'fraction',
  FP32: 'fraction',
  FP64: 'fraction',
  BYTES: 'text',
};

/** The numbers that a datatype takes, by their ends; the codec's limits. */
const numberRange: Partial<Record<DatatypeName, readonly [least: number, most: number]>> = {
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [-(2 ** 63), 2 ** 63],
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, 2 ** 64],
  FP16: [-65504, 65504],
  FP32: [-3.4028235677973362e38, 3.4028235677973362e38],
  FP64: [-Number.MAX_VALUE, Number.MAX_VALUE],
};

/** Whether a feature of one datatype takes every value that one of the other took. */
function takesAllOf(datatype: DatatypeName, old: DatatypeName): boolean {
  const range = numberRange[datatype];
  const oldRange = numberRange[old];
  if (range === undefined || oldRange === undefined) return datatype === old;
  if (valueKind[datatype] === 'whole' && valueKind[old] === 'fraction') return false;
  // 64-bit integers may be sent as text, which only such a feature takes.
  if (
    old.endsWith('64') &&
    valueKind[old] === 'whole' &&
    !(datatype.endsWith('64') && valueKind[datatype] === 'whole')
  )
    return false;
  return range[0] <= oldRange[0] && range[1] >= oldRange[1];
}

function nameOf({ name }: { name: string }): string {
  return shortened(name);
}

function shortened(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}

function listed(items: readonly string[]): string {
  return items.slice(0, 10).join(', ') + (items.length > 10 ? ` and ${items.length - 10} more` : '');
}
