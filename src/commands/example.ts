import { exampleNames, runExample } from '../../examples/examples.ts';
import { SettingsError } from '../errors.ts';
import { parseCommand } from './command_line.ts';

const usage = `Usage: modelyard example NAME

Runs a short example through a real MCP client in a temporary directory. NAME is one of ${exampleNames.join(', ')}.
`;

export const exampleCommand = { usage, run: runExampleCommand };

async function runExampleCommand(given: string[]): Promise<number> {
  const { positionals } = parseCommand('example', given, {}, { least: 1, most: 1, what: 'example' });
  const [name = ''] = positionals;
  const code = await runExample(name);
  if (code === undefined)
    throw new SettingsError(`There is no example ${name}. Take one of ${exampleNames.join(', ')}.`);
  return code;
}
