import { z } from 'zod';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether a text can be the name of a model or of a version. */
export function isIdentifier(text: string): boolean {
  return pattern.test(text);
}

/**
 * The name of a model or of a version. A refinement and not a pattern: the error explains the rule, and a pattern in every
 * schema would cost tokens.
 */
export const identifier = z.string().refine(isIdentifier, {
  message: 'must be 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit',
});
