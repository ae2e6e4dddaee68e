import { ModelYardError } from '../errors.ts';

const form = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** A name that a file may have in the store. @throws INVALID_INPUT */
export function requireUploadName(name: string): string {
  if (form.test(name)) return name;
  throw new ModelYardError(
    'INVALID_INPUT',
    `${JSON.stringify(name.slice(0, 200))} is no name for a file here.`,
    'A name has 1 to 128 letters, digits, ".", "_" or "-", and begins with a letter or digit.',
  );
}
