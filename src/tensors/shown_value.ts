import { visible } from '../access/shown_text.ts';

/** A value for an error message, shortened. */
export function show(value: unknown): string {
  if (value === null) return 'null (JSON has no NaN: a missing or not-a-number value arrives as null)';
  const text = JSON.stringify(value) ?? String(value);
  return visible(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
