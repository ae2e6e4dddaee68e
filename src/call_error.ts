import type { Tool } from '../tools/define_tool.ts';
import { withoutTools } from './access/known_tools.ts';
import { type Caller, isChange, may, type Permission } from './access/roles.ts';
import { shortText, visible } from './access/shown_text.ts';
import { ModelYardError, systemCodeOf } from './errors.ts';
import { megabytes } from './message_size.ts';
import { storageError } from './storage/storage_error.ts';

/** How the file system refuses a write; files that a caller names are checked before. */
const unwritable: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST'];

/** What the caller may see of anything thrown: a defect shows nothing but that it happened. */
export function knownError(thrown: unknown): ModelYardError {
  const error = storageError(thrown);
  if (error instanceof ModelYardError) return error;
  const code = systemCodeOf(thrown);
  if (code !== undefined && unwritable.includes(code))
    return new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `The registry directory cannot be written (${code}).`,
      'Free space, check its permissions or choose another MODEL_REGISTRY_DIR, then try again.',
      { cause: thrown },
    );
  return new ModelYardError(
    'INTERNAL',
    'The server failed in a way it should not have.',
    'The details are in the server log (logs in MODEL_REGISTRY_DIR); please report them.',
    { cause: thrown },
  );
}

/** Characters that what happened and what to do next may take: an error names what callers gave, however much that was. */
const longestMessage = 5000;
const longestHint = 3000;

/** An error of bounded size with everything in it visible: it names what callers and model files gave. */
export function presentable(error: ModelYardError): ModelYardError {
  const { code, retryable } = error;
  const message = shortText(visible(error.message), longestMessage);
  const hint = shortText(visible(error.hint), longestHint);
  if (message === error.message && hint === error.hint) return error;
  return new ModelYardError(code, message, hint, { cause: error, retryable });
}

/** An error whose hint names no tool that the caller lacks; where only those would help, it says whom to ask. */
export function withOpenHint(
  error: ModelYardError,
  caller: Caller,
  lacking: readonly string[],
): ModelYardError {
  const hint = withoutTools(error.hint, lacking);
  if (hint === error.hint) return error;
  // Else the tools that would help are in no set that is offered, or are for an admin.
  const who = may(caller, 'WRITE') ? 'What is offered here' : whoOf(caller, true);
  const otherwise = `${who} cannot change that: ask whoever runs the server.`;
  const { code, message, retryable } = error;
  return new ModelYardError(code, message, hint === '' ? otherwise : hint, { cause: error, retryable });
}

/** As what a caller lacks a permission. */
function whoOf({ role, readOnly, token }: Caller, beginsSentence: boolean): string {
  const [first, rest] =
    token === null
      ? ['a', ' caller without a token']
      : readOnly
        ? ['a', ' read-only server']
        : ['the', ` role ${role}`];
  return `${beginsSentence ? first.replace(/^./, (letter) => letter.toUpperCase()) : first}${rest}`;
}

/** The answer would end the client's connection. */
export function tooLarge(tool: Tool, bytes: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The answer of ${tool.name} has ${megabytes(bytes)} MB, more than clients take in one message.${isChange(tool.permission) ? ' What it was called for is done.' : ''}`,
    isChange(tool.permission)
      ? 'Look at the result with get_model or list_predictions.'
      : `Call it again for less at once: ${smaller(tool).join(', ')}.`,
  );
}

/** The arguments of a tool that make its answer smaller, and how. */
const narrowing: readonly (readonly [argument: string, how: string])[] = [
  ['limit', 'a smaller limit'],
  ['response_format', 'response_format=concise'],
  ['outputs', 'some outputs only'],
  ['features', 'some features only'],
  ['version', 'one version'],
  ['window_hours', 'a shorter window_hours'],
];

function smaller({ input }: Tool): string[] {
  const ways = narrowing.filter(([argument]) => Object.hasOwn(input.shape, argument)).map(([, how]) => how);
  return ways.length === 0 ? ['fewer names'] : ways;
}

/** @throws PERMISSION_DENIED */
export function requirePermission(
  { name, permission }: { name: string; permission: Permission },
  caller: Caller,
): void {
  if (may(caller, permission)) return;
  throw new ModelYardError(
    'PERMISSION_DENIED',
    `${name} needs the permission ${permission}, which ${whoOf(caller, false)} does not have.`,
    remedyOf(caller),
  );
}

function remedyOf({ readOnly, token }: Caller): string {
  if (token === null)
    return 'Send a token that has it: whoever runs the server makes one with modelyard token create.';
  if (readOnly) return 'Start the server without --read-only (MODELYARD_READ_ONLY) to allow changes.';
  return token === undefined
    ? 'Start the server with another MODELYARD_ROLE to allow it.'
    : 'Use a token of a role that has it: whoever runs the server makes one with modelyard token create.';
}
