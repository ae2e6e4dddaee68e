import { statSync } from 'node:fs';
import { messageOf, SettingsError } from '../errors.ts';
import { readSettings, type Settings } from '../settings.ts';
import { type Check, note, ok, problem } from './check.ts';

/**
 * The settings as a server would read them. Each that is wrong is a problem, and is left out of what is looked at further.
 * @param environment as the server gets it
 * @param config the file of --config
 */
export function checkSettings(
  environment: NodeJS.ProcessEnv,
  config: string | undefined,
): { settings: Settings; checks: Check[] } {
  const faults: Check[] = [];
  let rest: NodeJS.ProcessEnv = environment;
  let file = config;
  for (;;) {
    try {
      const settings = readSettings(rest, { config: file });
      const checks = faults.length > 0 ? faults : [ok('settings', 'every setting is known and valid')];
      return { settings, checks: [...checks, checkRoots(settings)] };
    } catch (error) {
      const { setting } = error instanceof SettingsError ? error : {};
      faults.push(
        problem(
          'settings',
          messageOf(error).replace(/\.$/, ''),
          'Correct it, or take it away: the server does not start with it.',
        ),
      );
      // What the environment does not hold is of the file.
      if (setting !== undefined && rest[setting] !== undefined) rest = { ...rest, [setting]: undefined };
      else if (file !== undefined) file = undefined;
      else throw error;
    }
  }
}

function checkRoots({ allowedRoots, temporaryRoot }: Settings): Check {
  const subject = 'allowed roots';
  const shown = [...new Set(allowedRoots)].join(', ');
  const faulty = allowedRoots.find((root) => !isDirectory(root));
  if (faulty !== undefined)
    return problem(subject, `${faulty} is no directory`, 'Name directories in MODELYARD_ALLOWED_ROOTS.');
  if (allowedRoots.length === 0)
    return note(
      subject,
      'there is none: no file can be named',
      'Name directories in MODELYARD_ALLOWED_ROOTS.',
    );
  return ok(subject, `${shown}${temporaryRoot === undefined ? '' : ' (MODELYARD_ALLOWED_ROOTS is not set)'}`);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
