import { z } from 'zod';

type Issue = z.core.$ZodRawIssue;
type FoundIssue = z.core.$ZodIssue;

/** What a value must be, by the name that zod has for its kind. */
const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  map: 'an object',
  array: 'a list',
  tuple: 'a list',
  set: 'a list',
  null: 'null',
  undefined: 'left out',
  never: 'left out',
  nonoptional: 'given',
  nan: 'NaN',
  date: 'a time',
};

/** What there are so many of, by what has them. */
const units: Record<string, readonly [one: string, more: string]> = {
  string: ['character', 'characters'],
  array: ['item', 'items'],
  set: ['item', 'items'],
  map: ['member', 'members'],
  object: ['member', 'members'],
  file: ['byte', 'bytes'],
};

/** Forms of text, by the name that zod has for them. */
const forms: Record<string, string> = {
  email: 'an e-mail address',
  url: 'a web address',
  uuid: 'a UUID',
  datetime: 'an ISO 8601 time, such as 2026-01-31T12:00:00Z',
  date: 'a date, such as 2026-01-31',
  time: 'a time of day, such as 12:00:00',
  base64: 'base64',
  json_string: 'JSON',
};

/**
 * What is wrong, as the end of a sentence that begins with the name of what is wrong: "must be 1 or more". A message that a schema
 * has of its own comes before it.
 */
function inWords(issue: Issue | FoundIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(shown).join(', ')}`;
    case 'too_small':
      return bound(
        issue.origin,
        Number(issue.minimum),
        issue.exact === true ? 'exactly' : issue.inclusive === false ? 'above' : 'from',
      );
    case 'too_big':
      return bound(
        issue.origin,
        Number(issue.maximum),
        issue.exact === true ? 'exactly' : issue.inclusive === false ? 'below' : 'to',
      );
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return format(issue);
    case 'unrecognized_keys':
      return `has unknown members: ${issue.keys.slice(0, 5).map(shown).join(', ')}${issue.keys.length > 5 ? ', …' : ''}`;
    case 'invalid_union':
      return oneOf(issue);
    case 'invalid_key':
      return `has a member whose name ${first(issue.issues) ?? 'is not allowed'}`;
    case 'invalid_element':
      return `has an item that ${first(issue.issues) ?? 'is not allowed'}`;
    case 'custom':
      return 'is not accepted';
    default:
      return undefined;
  }
}

function bound(origin: string, limit: number, side: 'exactly' | 'from' | 'above' | 'to' | 'below'): string {
  const names = units[origin];
  if (names === undefined)
    return {
      exactly: `must be ${limit}`,
      from: `must be ${limit} or more`,
      above: `must be more than ${limit}`,
      to: `must be ${limit} or less`,
      below: `must be less than ${limit}`,
    }[side];
  if (side === 'from' && limit === 1) return 'must not be empty';
  const unit = names[limit === 1 ? 0 : 1];
  return {
    exactly: `must have exactly ${limit} ${unit}`,
    from: `must have ${limit} ${unit} or more`,
    above: `must have more than ${limit} ${unit}`,
    to: `must have ${limit} ${unit} at most`,
    below: `must have less than ${limit} ${unit}`,
  }[side];
}

function format(issue: Issue | FoundIssue): string {
  const {
    format: name,
    prefix,
    suffix,
    includes,
    pattern,
  } = z
    .looseObject({
      format: z.string(),
      prefix: z.string().optional(),
      suffix: z.string().optional(),
      includes: z.string().optional(),
      pattern: z.unknown().optional(),
    })
    .parse(issue);
  if (prefix !== undefined) return `must begin with ${shown(prefix)}`;
  if (suffix !== undefined) return `must end with ${shown(suffix)}`;
  if (includes !== undefined) return `must contain ${shown(includes)}`;
  if (name === 'regex') return `must have the form ${String(pattern)}`;
  return `must be ${forms[name] ?? `a valid ${name.replaceAll('_', ' ')}`}`;
}

/** A value that is none of several: what each takes, or what is wrong with the one that it comes nearest to. */
function oneOf(
  issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion> | z.core.$ZodIssueInvalidUnion,
): string {
  const { discriminator } = issue;
  const options: unknown = 'options' in issue ? issue.options : undefined;
  if (discriminator !== undefined && Array.isArray(options))
    return `must have a member ${discriminator} that is one of ${options.map(shown).join(', ')}`;
  const inside = issue.errors.flatMap((issues) => issues.find(({ path }) => path.length > 0) ?? []);
  const [nearest] = inside;
  if (nearest !== undefined) return `has a member ${nearest.path.join('.')} that ${nearest.message}`;
  const takes = issue.errors.flatMap((issues) => first(issues)?.replace(/^must be /, '') ?? []);
  return takes.length === 0 ? 'is not accepted' : `must be ${[...new Set(takes)].join(' or ')}`;
}

function first(issues: readonly FoundIssue[]): string | undefined {
  return issues[0]?.message;
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

// Once for the process: wherever a message of zod's is shown, it is shown to a person.
z.config({ customError: inWords });
