import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Tool } from '../../tools/define_tool.ts';
import { catalogue, storedTexts } from '../../tools/index.ts';
import type { Ask } from '../access/approval.ts';
import { lackingTools } from '../access/known_tools.ts';
import type { Caller } from '../access/roles.ts';
import { visible } from '../access/shown_text.ts';
import { callOrder } from '../call_order.ts';
import { ModelYardError } from '../errors.ts';
import { argumentSchemas } from '../json_schema.ts';
import type { PipelineDependencies } from '../pipeline.ts';
import type { Services } from '../services.ts';
import { readSettings, type Settings } from '../settings.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { errorAnswer, type ToolAnswer } from '../tool_answer.ts';
import { answerText } from './answer_text.ts';
import { askOnTerminal } from './ask_on_terminal.ts';
import { parseCommand, takeConfig } from './command_line.ts';
import { exitCodeOf, exitCodeOfSignal } from './exit_code.ts';
import { newFile } from './new_file.ts';
import { progressBar } from './progress_bar.ts';
import { readWords } from './read_words.ts';
import { print, progressLine } from './standard_output.ts';
import { head, widthOf } from './terminal_style.ts';
import { toolHelp } from './tool_help.ts';
import { userAtHost } from './user_at_host.ts';

/**
 * `modelyard TOOL`: calls one tool, as a client of a server would, and prints its answer.
 *
 * @param name of a tool of the catalogue
 * @param given the words after it, `--config` and its file among them
 * @returns the exit code, by exitCodeOf
 * @throws SettingsError where flags or settings are wrong
 */
export async function runTool(name: string, given: string[]): Promise<number> {
  const tool = catalogue.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`There is no tool ${name}.`);
  if (given.includes('--help') || given.includes('-h')) {
    await print(toolHelp(tool));
    return 0;
  }
  const { config, rest } = takeConfig(name, given);
  const { values, positionals } = parseCommand(
    name,
    rest,
    { json: { type: 'boolean' }, image: { type: 'string' } },
    { least: 0, most: Number.POSITIVE_INFINITY, what: 'argument' },
  );
  const settings = readSettings(process.env, { config });
  const shown = { json: values.json ?? false, image: values.image };
  const interrupted = interruptedCall();
  try {
    const image =
      shown.image === undefined ? undefined : await newFile(shown.image, false, 'Name another file.');
    const input = await readWords(argumentSchemas(tool.input).properties, positionals, {
      folder: process.cwd(),
      readFile,
      readInput: () => readInput(interrupted.signal),
    });
    return await withServices(settings, async (dependencies) => {
      const answer = await call(tool, input, settings, dependencies, interrupted);
      return show(answer, { json: shown.json, image, name: shown.image }, interrupted.by());
    });
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return show(
      errorAnswer(error),
      { json: shown.json, image: undefined, name: undefined },
      interrupted.by(),
    );
  }
}

/** @throws CANCELLED when the call is taken back meanwhile */
async function readInput(signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await buffer(addAbortSignal(signal, process.stdin));
  } catch (error) {
    if (signal.aborted) throw cancelled();
    throw error;
  }
}

function cancelled(): ModelYardError {
  return new ModelYardError('CANCELLED', 'The call was cancelled.', 'Nothing was changed.');
}

type Signal = Parameters<typeof exitCodeOfSignal>[0];

interface Interrupted {
  signal: AbortSignal;
  interrupt(by: Signal): void;
  /** The signal that came, if one did. */
  by(): Signal | undefined;
}

/** Takes the call back at the first signal; the second does not wait. */
function interruptedCall(): Interrupted {
  const controller = new AbortController();
  let first: Signal | undefined;
  const interrupt = (by: Signal) => {
    if (first !== undefined) process.exit(exitCodeOfSignal(by));
    first = by;
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupt(name));
  return { signal: controller.signal, interrupt, by: () => first };
}

/** What a call needs, opened when it needs it: one that is refused before touches no store. */
async function withServices<T>(
  settings: Settings,
  use: (dependencies: Dependencies) => Promise<T>,
): Promise<T> {
  const logger = createLogger({ directory: settings.directory, level: settings.logLevel });
  let opened: Promise<Services> | undefined;
  try {
    return await use({
      logger,
      services: () => {
        opened ??= openStore(settings, logger);
        return opened;
      },
    });
  } finally {
    await opened?.then(
      (services) => services.close(),
      () => undefined,
    );
    await logger.close();
  }
}

/** Opens the store, or makes one and says where, in case that another one was meant. */
async function openStore(settings: Settings, logger: Logger): Promise<Services> {
  const [{ openServices }, { sqliteFile }] = await Promise.all([
    import('../services.ts'),
    import('../storage/database.ts'),
  ]);
  const { directory, databaseUrl } = settings;
  if (databaseUrl === undefined && !existsSync(sqliteFile(directory)))
    process.stderr.write(
      `modelyard: this makes a store in ${visible(directory)}; MODEL_REGISTRY_DIR names another place\n`,
    );
  return openServices(settings, logger, { warms: false });
}

type Dependencies = Pick<PipelineDependencies, 'services' | 'logger'>;

async function call(
  tool: Tool,
  input: Record<string, unknown>,
  settings: Settings,
  dependencies: Dependencies,
  interrupted: Interrupted,
): Promise<ToolAnswer> {
  const caller: Caller = {
    role: settings.role,
    readOnly: settings.readOnly,
    client: userAtHost(tool.name),
  };
  const line = progressLine();
  const { callTool } = await import('../pipeline.ts');
  const answer = await callTool(
    { ...dependencies, order: callOrder(), lacking: lackingTools(catalogue, caller) },
    tool,
    input,
    {
      caller,
      // What was read to its end has nobody at it any more.
      ask:
        process.stdin.isTTY && process.stderr.isTTY && !process.stdin.readableEnded
          ? asking(interrupted, line.end)
          : undefined,
      cancelling: interrupted.signal,
      progress: (done, total, message) => line.show(progressBar(done, total, visible(message))),
    },
  );
  line.end();
  return answer;
}

/** The person at the terminal is asked there, on standard error: standard output is the answer's. */
function asking({ signal, interrupt }: Interrupted, clear: () => void): Ask {
  return async (question) => {
    clear();
    const word = await askOnTerminal(`${question}\n[y/N] `, process.stderr, {
      signal,
      interrupted: () => interrupt('SIGINT'),
    });
    if (signal.aborted) throw cancelled();
    if (word === undefined) return 'unanswered';
    return /^\s*y(es)?\s*$/i.test(word) ? 'accepted' : 'declined';
  };
}

interface Shown {
  json: boolean;
  /** The path that a picture is written to, and as it was given. */
  image: string | undefined;
  name: string | undefined;
}

/** @returns the exit code */
async function show(
  { facts, json, attachments, error }: ToolAnswer,
  shown: Shown,
  signal: Signal | undefined,
): Promise<number> {
  const { stdout, stderr } = process;
  const text = () => `${json ?? JSON.stringify(facts)}\n`;
  if (error !== undefined) {
    const { code, message, hint } = error;
    stderr.write(
      shown.json
        ? text()
        : `${head(stderr, code)}: ${visible(message)}\n${hint === '' ? '' : `${visible(hint)}\n`}`,
    );
    return signal === undefined ? exitCodeOf(error) : exitCodeOfSignal(signal);
  }
  await print(
    shown.json
      ? text()
      : answerText(forPeople(facts), { width: widthOf(stdout), head: (one) => head(stdout, one) }),
  );
  const picture = attachments.find((one) => one.type === 'image');
  if (picture !== undefined && shown.image !== undefined) {
    await writeFile(shown.image, Buffer.from(picture.data, 'base64'), { flag: 'wx' });
    stderr.write(`The picture is in ${visible(shown.name ?? '')}.\n`);
  } else if (picture !== undefined) stderr.write('The answer has a picture: --image FILE writes it.\n');
  else if (shown.image !== undefined) stderr.write('The answer has no picture: nothing was written.\n');
  return 0;
}

/** A person needs no word that what is stored is no instruction. */
function forPeople(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== storedTexts));
}
