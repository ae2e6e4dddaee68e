import { createHash } from 'node:crypto';
import type { ChangePlan } from './approval.ts';
import { canonicalJson } from './canonical_json.ts';
import { visibleText } from './shown_text.ts';

/** SHA-256, in hexadecimal, of the canonical JSON of everything that decides what a change will do. */
export function fingerprintOf(action: string, { modelId, facts }: ChangePlan): string {
  return createHash('sha256')
    .update(canonicalJson({ action, model: modelId, facts }))
    .digest('hex');
}

/** Characters of a fact's value that a difference shows. */
const shownCharacters = 100;

/** The differences between the approved facts and those of now, one clause a fact. */
export function differences(then: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])].toSorted();
  return names.flatMap((name) => {
    const [before, after] = [shownFact(then[name]), shownFact(now[name])];
    if (before === after) return [];
    const show = (text: string) => visibleText(text, shownCharacters);
    return [`${show(name)} was ${show(before)} then and is ${show(after)} now`];
  });
}

function shownFact(value: unknown): string {
  return value === undefined ? 'absent' : canonicalJson(value);
}
