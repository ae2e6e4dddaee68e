import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { nearestName } from '../nearest_name.ts';
import type { InferenceCall, Parameters, RequestedOutput } from './messages.ts';

/** What a call's parameters ask for. */
export interface CallParameters {
  version: string | undefined;
  entityKey: string | undefined;
  predictionIds: string[] | undefined;
  /** How long the caller waits, milliseconds. */
  timeoutMs: number | undefined;
  /** Whether outputs are sent as bytes for which the caller does not say it. */
  binaryOutputs: boolean;
  /** Sentences about parameters that have no effect. */
  warnings: string[];
}

const text = z.string().min(1).max(512);
/** gRPC has no lists: they are JSON in a text; one id that is no list may stand for itself. */
const idList = z.preprocess(
  (given) => (typeof given === 'string' ? idsIn(given) : given),
  z.array(z.string()).min(1),
);
const known = z.object({
  version: text.optional(),
  entity_key: text.optional(),
  prediction_ids: idList.optional(),
  /** Microseconds, as Triton has it; 0 is none. */
  timeout: z.int().min(0).optional(),
  binary_data_output: z.boolean().optional(),
});

/** What Triton's and MLServer's clients send that says nothing to a server whose calls are all alike. */
const withoutEffect = new Set(['priority', 'content_type', 'headers', 'triton_enable_empty_final_response']);
/** A sequence's calls need a model that keeps a state between them. */
const ofSequences = ['sequence_id', 'sequence_start', 'sequence_end'];

/** @throws INVALID_INPUT naming a parameter that is wrong or asks for what is not served */
export function callParameters({
  parameters,
  unknownMembers = [],
}: Pick<InferenceCall, 'parameters' | 'unknownMembers'>): CallParameters {
  const sequence = ofSequences.find((name) => isSet(parameters[name]));
  if (sequence !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The parameter ${sequence} asks for a sequence of calls, but models keep no state between calls.`,
      'Leave it out, and give the model all it needs in one call.',
    );
  const parsed = known.safeParse(plain(parameters));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelYardError(
      'INVALID_INPUT',
      `parameters.${issue?.path.join('.')}: ${issue?.message}.`,
      'prediction_ids is a list of texts (in gRPC, as JSON), timeout a number of microseconds; version and entity_key are text.',
    );
  }
  const { data } = parsed;
  return {
    version: data.version,
    entityKey: data.entity_key,
    predictionIds: data.prediction_ids,
    timeoutMs: data.timeout === undefined || data.timeout === 0 ? undefined : data.timeout / 1000,
    binaryOutputs: data.binary_data_output ?? false,
    warnings: [...Object.keys(parameters).flatMap(unknownParameter), ...unknownMembers.map(unknownMember)],
  };
}

const outputParameters = z.object({
  binary_data: z.boolean().optional(),
  classification: z.int().min(0).max(1_000_000).optional(),
  shared_memory_region: z.undefined({ error: 'shared memory is not served' }).optional(),
});

/** How an output is wanted. */
export interface OutputWish {
  /** Undefined where the output does not say it. */
  isBinary: boolean | undefined;
  /** Where the largest so many are wanted in place of it. */
  classes: number | undefined;
  /** Sentences about parameters that have no effect. */
  warnings: string[];
}

/** How each output is wanted, by its name. @throws INVALID_INPUT also where one is asked for twice */
export function outputWishes(outputs: readonly RequestedOutput[] = []): Map<string, OutputWish> {
  const wishes = new Map<string, OutputWish>();
  for (const output of outputs) {
    if (wishes.has(output.name))
      throw new ModelYardError(
        'INVALID_INPUT',
        `The output ${quoted(output.name)} is asked for twice.`,
        'Name each output once; for its classes and its values make two calls.',
      );
    wishes.set(output.name, outputWish(output));
  }
  return wishes;
}

function outputWish({ name, parameters }: RequestedOutput): OutputWish {
  const parsed = outputParameters.safeParse(plain(parameters));
  if (parsed.success) {
    const { binary_data: isBinary, classification: classes } = parsed.data;
    const names = Object.keys(outputParameters.shape);
    const warnings = Object.keys(parameters)
      .filter((given) => !names.includes(given) && !withoutEffect.has(given))
      .map((given) => noEffect(`The parameter ${quoted(given)} of the output ${quoted(name)}`, given, names));
    return { isBinary, classes: classes === 0 ? undefined : classes, warnings };
  }
  const [issue] = parsed.error.issues;
  throw new ModelYardError(
    'INVALID_INPUT',
    `The parameter ${issue?.path.join('.')} of the output ${quoted(name)}: ${issue?.message}.`,
    'binary_data is true or false, classification a number of classes.',
  );
}

function unknownParameter(name: string): string[] {
  const names = Object.keys(known.shape);
  if (names.includes(name) || withoutEffect.has(name) || ofSequences.includes(name)) return [];
  return [noEffect(`The parameter ${quoted(name)}`, name, names)];
}

function unknownMember(name: string): string {
  return Object.hasOwn(known.shape, name)
    ? `${quoted(name)} stands beside inputs, where it had no effect: it is one of the call's parameters.`
    : `The call's member ${quoted(name)} is not known here and had no effect.`;
}

function noEffect(what: string, name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  return `${what} is not known here and had no effect.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`;
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}

/** 64-bit integers of gRPC as numbers, where that changes none of them. */
function plain(parameters: Parameters): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : (value ?? undefined),
    ]),
  );
}

function isSet(value: unknown): boolean {
  return (
    value !== undefined && value !== null && value !== false && value !== 0 && value !== 0n && value !== ''
  );
}

function idsIn(given: string): unknown {
  if (!given.startsWith('[')) return [given];
  try {
    const value: unknown = JSON.parse(given);
    return value;
  } catch {
    return given;
  }
}
