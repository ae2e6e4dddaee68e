import { readFileSync } from 'node:fs';
import { messageOf, SettingsError } from '../errors.ts';

/** A certificate or a key. @throws SettingsError when the file cannot be read */
export function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError(`${file} cannot be read: ${messageOf(error)}.`);
  }
}
