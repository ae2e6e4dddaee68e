import { z } from 'zod';
import { ModelYardError } from '../../errors.ts';
import { parseExactJson } from '../../exact_json.ts';
import { identifier } from '../../identifier.ts';
import { depthFault } from '../../json_shape.ts';
import { isPlainObject } from '../../plain_object.ts';
import { maxRowsPerCall } from '../../serving/predict.ts';
import type { GivenInput } from '../../serving/predict_input.ts';
import { readCsvText } from '../../tables/csv_text.ts';
import { csvInput, recordsInput, splitInput, tensorsInput } from './given_rows.ts';

/** What `params` may hold beside the rows; MLflow's models name theirs in their signature. */
export const scoringParameters = z.strictObject({
  version: z
    .preprocess((given) => (typeof given === 'number' ? String(given) : given), identifier)
    .optional(),
  entity_key: z.string().min(1).max(512).optional(),
  prediction_ids: z.array(z.string()).min(1).max(maxRowsPerCall).optional(),
  outputs: z.array(z.string().min(1).max(256)).min(1).max(10_000).optional(),
});

/** A request to score rows. */
export interface Invocation {
  input: GivenInput;
  parameters: z.output<typeof scoringParameters>;
}

const inputFields = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

/**
 * Reads the body of a request to `/invocations`, as MLflow's scoring protocol has it.
 * @throws INVALID_INPUT saying what is wrong with it. What depends on the model's signature is said when it is known.
 */
export async function parseInvocation(format: 'csv' | 'json', text: string): Promise<Invocation> {
  if (format === 'csv') return { input: csvInput(await readCsvText(text, 'The CSV body')), parameters: {} };
  const { value, hasBigIntegers } = parseBody(text);
  if (!isPlainObject(value))
    throw wrongField(Array.isArray(value) ? 'Received a list.' : 'Received no object.');
  const fault = depthFault(value);
  if (fault !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The body ${fault}.`,
      'Give lists and objects of fewer levels.',
    );
  const given = inputFields.filter((field) => Object.hasOwn(value, field));
  const [field, ...others] = given;
  const unknown = Object.keys(value).filter(
    (name) => name !== 'params' && !inputFields.some((known) => known === name),
  );
  if (field === undefined || others.length > 0 || unknown.length > 0)
    throw wrongField(
      `Received the fields ${Object.keys(value).slice(0, 10).map(shown).join(', ') || '(none)'}.`,
    );
  const rows = value[field];
  const input =
    field === 'dataframe_split'
      ? splitInput(rows, hasBigIntegers)
      : field === 'dataframe_records'
        ? recordsInput(rows, hasBigIntegers)
        : tensorsInput(field, rows, hasBigIntegers);
  return { input, parameters: parseParameters(value.params) };
}

function parseBody(text: string) {
  try {
    return parseExactJson(text);
  } catch (error) {
    throw new ModelYardError(
      'INVALID_INPUT',
      'The body is no JSON.',
      'Give a JSON object, as `json.dumps` writes it, or CSV with the content type text/csv.',
      { cause: error },
    );
  }
}

function wrongField(what: string): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `The input must be a JSON dictionary with exactly one of the input fields ${inputFields.join(', ')}. ${what}`,
    'Beside it only `params` may stand.',
  );
}

function parseParameters(given: unknown): Invocation['parameters'] {
  const parsed = scoringParameters.safeParse(given ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelYardError(
    'INVALID_INPUT',
    `params${issue === undefined ? '' : `${issue.path.map((part) => `.${String(part)}`).join('')} ${issue.message}`}.`,
    `params takes ${Object.keys(scoringParameters.shape).join(', ')}.`,
  );
}

function shown(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}
