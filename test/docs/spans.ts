import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '../../src/errors.ts';
import { settingsSchema } from '../../src/settings.ts';
import { catalogue } from '../../tools/index.ts';
import { repository } from './guide.ts';

const settings = Object.keys(settingsSchema.shape);
const tools = new Map(catalogue.map((tool) => [tool.name, tool.input.shape]));
/** What else is written in capitals: variables of the tests, of MLflow's own server, of other programs. */
const otherNames =
  /^(MODELYARD_(TEST|BENCH)_\w+|((ROLLOUT|DEPLOY)_)?KILL_ROUNDS|FUZZ_EXAMPLES|EXPORTING_ONLY|CHAOS_\w+|UPDATE_GUIDE|HTTP_PROXY|XDG_\w+|NO_COLOR|FEATURE_NAMES|RESOURCE_\w+)$/;
const source = (path: string) => readFileSync(join(repository, path), 'utf8');

/**
 * What is wrong with something between backquotes: a setting, a tool, an argument of one, a command or a file that there is not.
 * @returns undefined where nothing is, or where it is none of them
 */
export function wrongWith(span: string): string | undefined {
  return wrongName(span) ?? wrongJson(span) ?? wrongCall(span) ?? wrongCommand(span) ?? wrongFile(span);
}

function wrongName(span: string): string | undefined {
  const [name] = /^[A-Z][A-Z\d]*(_[A-Z\d]+)+(?==|$)/.exec(span) ?? [];
  if (name === undefined || settings.includes(name) || otherNames.test(name)) return undefined;
  return errorCodes.some((code) => code === name) ? undefined : `${span}: no setting or code`;
}

/** What begins as an object of JSON does is one. */
function wrongJson(span: string): string | undefined {
  return /^\{ ?"/.test(span) && valueIn(span) === span ? `${span}: no JSON` : undefined;
}

/** `tool argument=value …`, `argument=value`, `argument: value`: values are JSON, or text as it stands. */
function wrongCall(span: string): string | undefined {
  const [first = '', ...rest] = span.split(/ (?=[a-z_]+=)/);
  const tool = tools.get(first);
  const given = tool === undefined ? [span] : rest;
  for (const [, name = '', text = ''] of given.map((one) => /^([a-z_]+)(?:=|: )(.+)$/.exec(one) ?? [])) {
    if (name === '') continue;
    const accepting = (tool === undefined ? [...tools.values()] : [tool]).flatMap(
      (shape) => shape[name] ?? [],
    );
    if (accepting.length === 0 && tool !== undefined) return `${span}: ${first} has no argument ${name}`;
    if (accepting.length > 0 && !accepting.some((schema) => schema.safeParse(valueIn(text)).success))
      return `${span}: no such value`;
  }
  return undefined;
}

function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function wrongCommand(span: string): string | undefined {
  const [, command] = /^modelyard ([a-z_]+)/.exec(span) ?? [];
  if (command !== undefined && !tools.has(command)) {
    const usage = source(
      existsSync(join(repository, `src/commands/${command}.ts`))
        ? `src/commands/${command}.ts`
        : 'src/main.ts',
    );
    const unknown = [...span.matchAll(/ (--[a-z-]+)/g)].filter(([, flag = '']) => !usage.includes(flag));
    if (!source('src/main.ts').includes(`\n  ${command}: async`) || unknown.length > 0)
      return `${span}: no such command`;
  }
  const [, script] = /^npm run ([\w:]+)/.exec(span) ?? [];
  return script === undefined || source('package.json').includes(`"${script}":`)
    ? undefined
    : `${span}: no such script`;
}

/** Paths of this repository; those of what is built by their sources. */
function wrongFile(span: string): string | undefined {
  for (const word of span.split(/[\s:,]+/)) {
    if (!/^(src|tools|test|docs|examples|build|bench|\.ci|\.github|dist)\/[\w./-]+$/.test(word)) continue;
    if (/[A-Z]{4}/.test(word.replace(/[A-Z_]+\.md$/, ''))) continue;
    const from = word.replace(/^dist\/(.*)\.js$/, '$1.ts');
    if (!existsSync(join(repository, from))) return `${span}: no file ${from}`;
  }
  return undefined;
}
