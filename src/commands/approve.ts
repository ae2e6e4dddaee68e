import { parseArgs } from 'node:util';
import { answerRequest } from '../access/approval_changes.ts';
import { type ApprovalRequest, listOpenRequests, readRequestById } from '../access/approval_requests.ts';
import { type Origin, originOf } from '../access/origin.ts';
import { type Caller, may } from '../access/roles.ts';
import { visibleText } from '../access/shown_text.ts';
import { ModelYardError, messageOf, SettingsError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Database, openTables } from '../storage/database.ts';
import { storageError } from '../storage/storage_error.ts';
import { askOnTerminal } from './ask_on_terminal.ts';
import { userAtHost } from './user_at_host.ts';

/** Where the command's words go, and where its question is answered. */
export interface Terminal {
  print(line: string): void;
  complain(line: string): void;
  /** Undefined where nobody sits: then only --yes answers. */
  ask: ((question: string) => Promise<string>) | undefined;
}

export const approveCommand = {
  usage: `Usage: modelyard approve [ID [--deny] [--yes]]

Lists the changes that wait for a person; with ID shows one and grants it, once, for exactly that change, within
its time. Needs MODELYARD_ROLE=admin.

  --deny     deny it instead; also a grant that is not used yet
  --yes, -y  do not ask (needed without a terminal)
`,
  run: (settings: Settings, given: string[]) => runApprove(settings, given, processTerminal(), Date.now),
};

interface Asked {
  requestId: string | undefined;
  deny: boolean;
  yes: boolean;
}

/**
 * `modelyard approve`: without an id lists the requests that wait for a person; with one shows what would change
 * and grants it, or with --deny denies it. Only an admin may.
 * @returns the exit code: 0 done, 1 refused, with one sentence on standard error
 * @throws SettingsError when the arguments are not right
 */
export async function runApprove(
  settings: Settings,
  commandArguments: string[],
  terminal: Terminal,
  clock: () => number,
): Promise<number> {
  const asked = parseArguments(commandArguments);
  const caller: Caller = { role: settings.role, readOnly: settings.readOnly, client: userAtHost('approve') };
  if (!may(caller, 'ADMIN')) {
    terminal.complain(
      `PERMISSION_DENIED: approve needs MODELYARD_ROLE=admin; here it is ${settings.readOnly ? 'read-only' : settings.role}.`,
    );
    return 1;
  }
  try {
    const { directory, databaseUrl } = settings;
    const { database, close } = await openTables({ directory, databaseUrl });
    try {
      if (asked.requestId === undefined) return await list(database, terminal, clock);
      const origin = originOf(caller, 'approve', { request_id: asked.requestId, deny: asked.deny });
      return await answer(database, origin, { ...asked, requestId: asked.requestId }, terminal, clock);
    } finally {
      await close();
    }
  } catch (thrown) {
    const error = storageError(thrown);
    if (!(error instanceof ModelYardError)) throw error;
    terminal.complain(`${error.code}: ${error.message} ${error.hint}`);
    return 1;
  }
}

function parseArguments(given: string[]): Asked {
  const { values, positionals } = parse(given);
  const [requestId, ...rest] = positionals;
  if (rest.length > 0 || (requestId === undefined && (values.deny || values.yes)))
    throw new SettingsError('Usage: modelyard approve [ID [--deny] [--yes]].');
  return { requestId, deny: values.deny ?? false, yes: values.yes ?? false };
}

function parse(given: string[]) {
  try {
    return parseArgs({
      args: given,
      allowPositionals: true,
      options: { deny: { type: 'boolean' }, yes: { type: 'boolean', short: 'y' } },
    });
  } catch (error) {
    throw new SettingsError(`${messageOf(error)} Usage: modelyard approve [ID [--deny] [--yes]].`);
  }
}

async function list(database: Database, { print }: Terminal, clock: () => number): Promise<number> {
  const requests = await listOpenRequests(database, clock());
  if (requests.length === 0) print('No request waits for an approval.');
  for (const request of requests) describe(request, print);
  return 0;
}

async function answer(
  database: Database,
  origin: Origin,
  { requestId, deny, yes }: Asked & { requestId: string },
  terminal: Terminal,
  clock: () => number,
): Promise<number> {
  const shown = await readRequestById(database, requestId, clock());
  const standing = shown?.state === 'open' || (deny && shown?.state === 'granted');
  if (shown === undefined || !standing) {
    terminal.complain(refusal(requestId, shown));
    return 1;
  }
  describe(shown, terminal.print);
  if (!yes) {
    if (terminal.ask === undefined) {
      terminal.complain('There is no terminal to ask on: add --yes to answer without a question.');
      return 1;
    }
    const word = await terminal.ask(deny ? 'Deny this? [y/N] ' : 'Approve exactly this, once? [y/N] ');
    if (!/^y(es)?$/i.test(word.trim())) {
      terminal.print('Nothing was answered; the request stays as it is.');
      return 1;
    }
  }
  const { answered, request } = await answerRequest(database, origin, requestId, !deny, clock());
  if (!answered) {
    terminal.complain(refusal(requestId, request));
    return 1;
  }
  terminal.print(
    deny
      ? 'Denied.'
      : `Approved. Until ${isoTime(shown.expiresAt)} the same call goes ahead, once: have it made again.`,
  );
  return 0;
}

/** Everything in it may come from a caller: each line is shown with what would move the cursor or hide text. */
function describe(request: ApprovalRequest, print: Terminal['print']): void {
  print(
    `Request ${request.requestId}: ${visibleText(request.action, 100)} on ${visibleText(request.modelId, 200)}`,
  );
  for (const sentence of request.summary) print(`  - ${visibleText(sentence, 2000)}`);
  print(`  asked for by ${visibleText(request.requestedBy, 300)} at ${isoTime(request.createdAt)}`);
  print(`  runs out at ${isoTime(request.expiresAt)}`);
}

function refusal(requestId: string, request: ApprovalRequest | undefined): string {
  const name = visibleText(requestId, 100);
  if (request === undefined)
    return `There is no request ${name} in this store; modelyard approve lists those that are open.`;
  const { state } = request;
  if (state === 'used') return `The request ${name} was approved and used already.`;
  if (state === 'denied')
    return `The request ${name} was denied by ${visibleText(request.deniedBy ?? '', 300)}.`;
  if (state === 'granted')
    return `The request ${name} was approved already, by ${visibleText(request.grantedBy ?? '', 300)}.`;
  if (state === 'closed') return `The request ${name} was answered at the client already.`;
  return `The request ${name} ran out at ${isoTime(request.expiresAt)}; have the call made again.`;
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}

function processTerminal(): Terminal {
  return {
    print: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`modelyard: ${line}\n`),
    ask: process.stdin.isTTY
      ? async (question) => (await askOnTerminal(question, process.stdout)) ?? ''
      : undefined,
  };
}
