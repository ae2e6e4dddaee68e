import { z } from 'zod';
import type { Tool } from '../tools/define_tool.ts';
import { shortText } from './access/shown_text.ts';
import { ModelYardError } from './errors.ts';
import { argumentsFault } from './json_shape.ts';
import './plain_messages.ts';
import { normaliseArguments } from './tool_arguments.ts';

/** @throws INVALID_INPUT naming every argument that is wrong (the first three), with its value. */
export function parseArguments(tool: Tool, given: unknown): Record<string, unknown> {
  const normalised = normaliseArguments(tool.input, given ?? {});
  // What was JSON text has not been looked at yet.
  const fault =
    normalised === given ? undefined : argumentsFault(argumentsOf(normalised), tool.rowArguments ?? []);
  if (fault !== undefined) throw unfit(fault);
  const parsed = tool.input.safeParse(normalised, { reportInput: true });
  if (parsed.success) {
    requireStorable(tool, parsed.data);
    return parsed.data;
  }
  const faults = parsed.error.issues.slice(0, 3).map(describeIssue);
  throw new ModelYardError(
    'INVALID_INPUT',
    faults.join(' '),
    `${tool.name} takes: ${describeShape(tool.input)}.`,
  );
}

/**
 * PostgreSQL has no place for a NUL in text, and SQLite ends a text there: none may come in but in rows of data.
 * @throws INVALID_INPUT
 */
function requireStorable({ rowArguments = [] }: Tool, input: Record<string, unknown>): void {
  const faulty = Object.entries(input).find(([name, value]) => !rowArguments.includes(name) && hasNul(value));
  if (faulty === undefined) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    `${faulty[0]} has a NUL character (\\u0000) in it, which no text may have here.`,
    'Leave it out.',
  );
}

/** Whether a text anywhere in a value, or the name of a member, has a NUL; values may be nested as deep as JSON can be. */
function hasNul(value: unknown): boolean {
  const waiting = [value];
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    if (typeof item === 'string' && item.includes('\0')) return true;
    if (typeof item !== 'object' || item === null) continue;
    for (const [name, member] of Object.entries(item)) {
      if (name.includes('\0')) return true;
      if (member !== undefined) waiting.push(member);
    }
  }
  return false;
}

/** Characters of a name or value of the caller's in an error. */
const longestName = 80;

/** The first five names, and that there are more. */
function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => shortText(name, longestName));
  return `${shown.join(', ')}${names.length > shown.length ? `, … (${names.length} in all)` : ''}`;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1, 1 + longestName);
  if (issue.code === 'unrecognized_keys') {
    const where = path === '' ? '' : ` in ${path}`;
    return `Unknown argument${issue.keys.length > 1 ? 's' : ''} ${namesOf(issue.keys)}${where}.`;
  }
  const name = path === '' ? 'arguments' : path;
  if (issue.input === undefined) return `${name} is required.`;
  // What is wrong with the name of a member stands inside.
  const [inside] = issue.code === 'invalid_key' ? issue.issues : [];
  const shown = (JSON.stringify(issue.input) ?? String(issue.input)).slice(0, longestName);
  return `${name}=${shown} is not valid: ${(inside ?? issue).message}.`;
}

/** `model_id, version, source?`: the argument names, with a mark on the optional ones. */
function describeShape(input: z.ZodObject): string {
  return Object.entries(input.shape)
    .map(([name, schema]) => (z.safeParse(schema, undefined).success ? `${name}?` : name))
    .join(', ');
}

/** What is wrong with an argument before any schema has looked at it. */
export function unfit([name, fault]: [name: string, fault: string]): ModelYardError {
  return new ModelYardError('INVALID_INPUT', `${name} ${fault}.`, 'Leave that out.');
}

export function argumentsOf(given: unknown): object {
  return typeof given === 'object' && given !== null ? given : {};
}
