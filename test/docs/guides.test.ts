import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { errorCodes } from '../../src/errors.ts';
import { settingsSchema } from '../../src/settings.ts';
import { catalogue } from '../../tools/index.ts';
import { runCommand } from '../e2e/command.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type Block, type Guide, readGuides, repository } from './guide.ts';
import { inspector, isRun, isRunByCi, runGuide } from './run_guide.ts';
import { wrongWith } from './spans.ts';

const guides = readGuides();
const ciScripts = readdirSync(join(repository, '.ci')).map((name) =>
  readFileSync(join(repository, '.ci', name), 'utf8'),
);
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')));
if (inspector === undefined)
  process.stderr.write(
    'Skipped: lines of the guides that call the inspector, since MODELYARD_TEST_INSPECTOR names none.\n',
  );

const languages = ['sh', 'json', 'jsonl', 'python'];
/** Pictures and addresses have no language, and hold no command. */
const isShown = ({ language, text }: Block) =>
  language === '' && !/^(npm|npx|node|modelyard|python3?|export|echo|curl) /m.test(text);

/** Where Python comes first, test/exporting runs the page. */
const isRunHere = ({ blocks }: Guide) =>
  blocks.some(isRun) && !blocks.some(({ language }) => language === 'python');

describe.each(guides.filter(isRunHere))('$path', (guide) => {
  // Its commands are those of a shell that Windows does not have.
  test.skipIf(process.platform === 'win32')(
    'does what it says, block after block',
    { timeout: 300_000 },
    () => runGuide(guide),
  );
});

/** Complaints about all guides, each with its page. */
const about = (complain: (guide: Guide) => unknown[]) =>
  guides.flatMap((guide) => complain(guide).map((wrong) => `${guide.path}: ${wrong}`));

test('every block is run, or says why not', () => {
  const isLeft = (block: Block) =>
    block.notRun === undefined && !languages.includes(block.language) && !isShown(block);
  expect(about(({ blocks }) => blocks.filter(isLeft).map(({ line }) => line))).toEqual([]);
});

test('the commands of npm are scripts of package.json that CI runs', () => {
  const commandsOf = ({ blocks }: Guide) =>
    blocks
      .filter(({ language, text }) => language === 'sh' && isRunByCi(text))
      .flatMap(({ text }) => text.split(/\n|&&/).map((part) => part.replace(/\s+#.*$/, '').trim()));
  expect(about((guide) => commandsOf(guide).filter((command) => !isKnown(command)))).toEqual([]);
});

test('links lead somewhere', () => {
  expect(about((guide) => guide.links.filter((target) => !leads(guide, target)))).toEqual([]);
});

test('settings, tools, their arguments, commands and files that are named are there', () => {
  expect(about(({ spans }) => spans.map(wrongWith).filter((wrong) => wrong !== undefined))).toEqual([]);
});

test('functions are in the files that are named with them', () => {
  const places = (text: string) => [...text.matchAll(/`((?:src|tools)\/[\w/]+\.ts)`, `(\w+)`/g)];
  expect(guides.flatMap(({ text }) => places(text)).length).toBeGreaterThan(5);
  const isAbsent = ([, file = '', name = '']: RegExpExecArray) =>
    !readFileSync(join(repository, file), 'utf8').includes(`function ${name}(`);
  expect(
    about(({ text }) =>
      places(text)
        .filter(isAbsent)
        .map(([place]) => place),
    ),
  ).toEqual([]);
});

test('docs/SETTINGS.md has every setting with its default', () => {
  const page = guides.find(({ path }) => path === 'docs/SETTINGS.md')?.text ?? '';
  const rows = new Map(
    [...page.matchAll(/^\| `([A-Z_\d]+)` \| (.*?) \|/gm)].map(([, name = '', preset = '']) => [name, preset]),
  );
  expect([...rows.keys()].sort()).toEqual(Object.keys(settingsSchema.shape).sort());
  const presets = settingsSchema.parse({});
  for (const [name, preset] of Object.entries(presets))
    if (!Array.isArray(preset))
      expect([name, rows.get(name)?.replaceAll('`', '')]).toEqual([name, String(preset)]);
});

test('docs/COMMAND_LINE.md has every command, and so has modelyard --help', () => {
  const page = guides.find(({ path }) => path === 'docs/COMMAND_LINE.md')?.text ?? '';
  const usage = runCommand(temporaryDirectory(), ['--help']).output;
  const main = readFileSync(join(repository, 'src/main.ts'), 'utf8');
  const commands = [...main.matchAll(/^ {2}([a-z]+): async/gm)].map(([, name]) => name);
  expect(commands.length).toBeGreaterThan(8);
  expect(commands.filter((name) => !new RegExp(` ${name} +[a-z]`).test(usage))).toEqual([]);
  expect(catalogue.filter(({ name }) => commands.includes(name) || !usage.includes(name))).toEqual([]);
  expect(commands.filter((name) => !page.includes(`| \`modelyard ${name}`))).toEqual([]);
});

test('every tool and every error code is in the guides', () => {
  const spans = new Set(guides.flatMap((guide) => guide.spans.flatMap((span) => span.split(/\W+/))));
  expect(catalogue.map(({ name }) => name).filter((name) => !spans.has(name))).toEqual([]);
  const words = guides.map(({ text }) => text).join('\n');
  expect(errorCodes.filter((code) => !words.includes(code))).toEqual([]);
});

function isKnown(command: string): boolean {
  if (command === '') return true;
  const [, script] = /^npm run (\S+)/.exec(command) ?? [];
  if (script !== undefined && scripts[script] === undefined) return false;
  const [, file] = /^(?:npx vitest run|bash) (\S+)/.exec(command) ?? [];
  if (file !== undefined) return existsSync(join(repository, file));
  return [...ciScripts, ...Object.values(scripts)].some((text) => text.includes(command));
}

function leads({ path, anchors }: Guide, target: string): boolean {
  if (/^https:\/\//.test(target)) return URL.canParse(target);
  const [file = '', anchor] = target.split('#');
  const to = normalize(join(dirname(path), file));
  if (file !== '' && !existsSync(join(repository, to))) return false;
  if (anchor === undefined) return true;
  return (file === '' ? anchors : guides.find((guide) => guide.path === to)?.anchors)?.has(anchor) ?? false;
}
