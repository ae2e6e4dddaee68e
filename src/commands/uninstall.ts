import { changeFile, readClientFile } from '../clients/change_file.ts';
import { clientNames, clients } from '../clients/client.ts';
import { readConfiguration } from '../clients/configured_servers.ts';
import { editEntry, entryOf } from '../clients/edit_configuration.ts';
import { parseCommand } from './command_line.ts';
import { clientNamed, entryName, thisMachine, unreadable } from './install.ts';
import { print } from './standard_output.ts';

const usage = `Usage: modelyard uninstall CLIENT [--dry-run]
       CLIENT: ${clientNames.join(', ')}

Takes the entry "modelyard" out of the client's configuration of this user, and keeps everything else that is in it; a copy of the
file as it was stays beside it. The store is not touched.

  --dry-run  say what would be done, and do nothing
`;

export const uninstallCommand = { usage, run: runUninstall };

async function runUninstall(given: string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    'uninstall',
    given,
    { 'dry-run': { type: 'boolean' } },
    { least: 1, most: 1, what: 'client' },
  );
  const client = clients[clientNamed(positionals[0] ?? '', 'uninstall')];
  const file = client.file(thisMachine());
  const read = await readClientFile(file);
  const { fault: unread } = readConfiguration(read.text ?? '', client);
  if (unread !== undefined) throw unreadable(file, unread);
  if (entryOf(read.text ?? '', client, entryName) === undefined) {
    await print(`${file} has no entry ${entryName}; nothing was changed.\n`);
    return 0;
  }
  const { text, fault } = editEntry(read.text ?? '', client, entryName, undefined);
  if (text === undefined) throw unreadable(file, fault);
  if (values['dry-run'] === true) {
    await print(`Would take the entry ${entryName} out of ${file}. Nothing was changed.\n`);
    return 0;
  }
  const copy = await changeFile(read, text, new Date());
  await print(`The entry ${entryName} is out of ${file}.\nAs it was: ${copy}\n`);
  return 0;
}
