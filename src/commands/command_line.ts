import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf, SettingsError } from '../errors.ts';

/** Takes --config out of a command's arguments. */
export function takeConfig(command: string, given: string[]): { config: string | undefined; rest: string[] } {
  const at = given.findIndex((argument) => argument === '--config' || argument.startsWith('--config='));
  if (at === -1) return { config: undefined, rest: given };
  const [name = ''] = given.slice(at, at + 1);
  const inline = name.startsWith('--config=') ? name.slice('--config='.length) : undefined;
  const config = inline ?? given[at + 1];
  if (config === undefined || config === '')
    throw new SettingsError(`--config needs the name of a file. See modelyard ${command} --help.`);
  return { config, rest: given.toSpliced(at, inline === undefined ? 2 : 1) };
}

/**
 * Parses a command's own arguments.
 * @throws SettingsError naming the argument that is wrong
 */
export function parseCommand<Options extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  given: string[],
  options: Options,
  positionals: { least: number; most: number; what: string } = { least: 0, most: 0, what: 'argument' },
) {
  try {
    const parsed = parseArgs({ args: given, options, allowPositionals: true, strict: true });
    const { length } = parsed.positionals;
    if (length < positionals.least) throw new Error(`The ${positionals.what} is missing.`);
    if (length > positionals.most)
      throw new Error(`Unexpected argument '${parsed.positionals[positionals.most]}'.`);
    return parsed;
  } catch (error) {
    throw new SettingsError(`${sentenceOf(error)} See modelyard ${command} --help.`);
  }
}

/** What Node says of an argument, without its advice on arguments that begin with a dash. */
function sentenceOf(error: unknown): string {
  const [sentence = ''] = messageOf(error).split('. To specify');
  return sentence.endsWith('.') ? sentence : `${sentence}.`;
}
