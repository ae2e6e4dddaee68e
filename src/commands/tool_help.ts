import type { Tool } from '../../tools/define_tool.ts';
import { may, permissions, roles } from '../access/roles.ts';
import { argumentSchemas, pathFormat } from '../json_schema.ts';
import { wrapped } from './text_table.ts';

const lineWidth = 80;

/** What `modelyard TOOL --help` prints: the tool's own words, its arguments with types, and how they are written. */
export function toolHelp(tool: Tool): string {
  const { properties, required } = argumentSchemas(tool.input);
  const names = Object.keys(properties);
  const left = Math.max(...names.map((name) => name.length)) + 4;
  const lines = names.flatMap((name) => {
    const mark = required.includes(name) ? '*' : '';
    const text = describe(properties[name] ?? {});
    return wrapped(text, lineWidth - left).map(
      (line, at) => `${at === 0 ? `  ${name}${mark}`.padEnd(left) : ' '.repeat(left)}${line}`,
    );
  });
  const [role] = roles.filter((one) => may({ role: one, readOnly: false }, tool.permission));
  const isFree = tool.permission === permissions[0];
  return [
    `Usage: modelyard ${tool.name} [name=value …] [flags]`,
    '',
    ...wrapped(tool.description, lineWidth),
    '',
    'Arguments (* must be given):',
    ...lines,
    '',
    ...wrapped(howWritten, lineWidth),
    '',
    '  --json         the answer as JSON on one line, and an error too',
    '  --image FILE   writes the picture of an answer (PNG) there',
    '  --config FILE  JSON file of settings; the environment wins over it',
    ...(isFree ? [] : ['', `Needs MODELYARD_ROLE=${role} or higher.`]),
    '',
    ...wrapped(exitCodes, lineWidth),
    '',
  ].join('\n');
}

const howWritten =
  "Lists and objects are JSON: name='[1, 2]'. name=@FILE takes one, or a text, from a file (a list also from .jsonl), name=- from standard input; - alone: all arguments as one object of JSON from there. Files are found from this folder.";

const exitCodes =
  'Exit codes: 0 done, 1 failed, 2 wrong arguments or settings, 3 no such model, version or reference, 4 not allowed, 5 waits for a person, 6 refused by a gate or rule, 75 may succeed later, 130 interrupted.';

interface Described {
  type?: unknown;
  format?: unknown;
  enum?: unknown;
  default?: unknown;
  description?: unknown;
  items?: unknown;
  minimum?: unknown;
  maximum?: unknown;
  exclusiveMinimum?: unknown;
}

/** `whole number, 1 to 200 (25). Description`. */
function describe(schema: Described): string {
  const { default: preset, description } = schema;
  const shown =
    preset === undefined ? '' : ` (${typeof preset === 'string' ? preset : JSON.stringify(preset)})`;
  const text = typeof description === 'string' ? `. ${description}` : '';
  return `${typeOf(schema)}${boundsOf(schema)}${shown}${text}`;
}

function typeOf({ type, format, enum: values, items }: Described): string {
  if (Array.isArray(values)) return values.join(' | ');
  if (format === pathFormat) return 'file';
  if (format === 'date-time') return 'time, such as 2026-01-31T12:00:00Z';
  const word = typeof type === 'string' ? (words[type] ?? type) : 'value';
  if (type !== 'array') return word;
  const of = typeof items === 'object' && items !== null ? items : {};
  return 'type' in of && typeof of.type === 'string' ? `list of ${many[of.type] ?? of.type}` : word;
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  integer: 'whole number',
  boolean: 'true | false',
  array: 'list',
  object: 'object',
};

const many: Readonly<Record<string, string>> = {
  string: 'texts',
  number: 'numbers',
  integer: 'whole numbers',
  object: 'objects',
};

function boundsOf({ minimum, maximum, exclusiveMinimum }: Described): string {
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const low = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (high !== undefined)
    return exclusiveMinimum === undefined
      ? `, ${high} or less`
      : `, above ${exclusiveMinimum}, ${high} or less`;
  if (low !== undefined) return `, ${low} or more`;
  return exclusiveMinimum === undefined ? '' : `, above ${exclusiveMinimum}`;
}
