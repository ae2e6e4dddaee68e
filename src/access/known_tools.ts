import { isOffered, type Toolset } from '../toolsets.ts';
import { type Caller, may, type Permission } from './roles.ts';

/**
 * The names of the tools that a caller cannot call.
 *
 * @param offered the sets of tools that its server offers; undefined: all
 */
export function lackingTools(
  tools: readonly { name: string; permission: Permission }[],
  caller: Caller,
  offered?: readonly Toolset[],
): string[] {
  return tools
    .filter(({ name, permission }) => !may(caller, permission) || !isOffered(name, offered))
    .map(({ name }) => name);
}

/** A tool that a step of rollouts is called like: where texts have the word they mean the step, or the gate. */
const alsoStep = 'backtest';

/**
 * A text without its references to tools that its reader cannot call: the bracket, the alternative (`…, or call it`)
 * or the part between semicolons that names one is removed, else the sentence. Other text is returned unchanged.
 *
 * @param names the names of those tools
 */
export function withoutTools(text: string, names: readonly string[]): string {
  const lacking = names.filter((name) => name !== alsoStep);
  const named = new RegExp(`\\b(${lacking.join('|')})\\b`);
  if (lacking.length === 0 || !named.test(text)) return text;
  // A sentence begins with no small letter, or with a tool's name.
  const border = new RegExp(`(?<=[.?!])(\\s+)(?=[^a-z]|(?:${lacking.join('|')})\\b)`);
  return text
    .replace(/ ?\([^()]*\)/g, (bracket) => (named.test(bracket) ? '' : bracket))
    .split(border)
    .reduce((kept, part, index, parts) => {
      if (index % 2 === 1) return kept;
      const sentence = withoutParts(part, named);
      const between = kept === '' ? '' : (parts[index - 1] ?? '');
      return sentence === '' ? kept : `${kept}${between}${sentence}`;
    }, '');
}

/** A sentence without the parts that name a tool; empty where nothing is left. */
function withoutParts(sentence: string, named: RegExp): string {
  if (!named.test(sentence)) return sentence;
  const parts = sentence.split(/(;|,(?= or ))/);
  const kept = parts.flatMap((part, index) => {
    if (index % 2 === 1 || named.test(part)) return [];
    return [{ part, before: parts[index - 1] ?? '' }];
  });
  const text = kept
    .map(({ part, before }, index) => (index === 0 ? part.replace(/^ (or )?/, '') : before + part))
    .join('');
  if (text === '') return '';
  const ended = /[.?!]$/.test(text) ? text : `${text}.`;
  return `${ended[0]?.toUpperCase() ?? ''}${ended.slice(1)}`;
}

/** Members of answers that hold sentences written by this server, and the parts of answers that have such members. */
const ownSentences: readonly string[] = ['warnings', 'notes', 'detail'];
const membersWithSentences: readonly string[] = [...ownSentences, 'versions', 'comparison', 'checks'];

/** An answer whose own sentences name no tool that its reader lacks; what users stored stays unchanged. */
export function openNotes(
  answer: Record<string, unknown>,
  lacking: readonly string[],
): Record<string, unknown> {
  if (lacking.length === 0) return answer;
  let opened = answer;
  const [, undoing] = typeof answer.undo === 'string' ? (/\bCall (\w+) with /.exec(answer.undo) ?? []) : [];
  if (undoing !== undefined && lacking.includes(undoing))
    opened = { ...answer, undo: 'By a call that is not offered here.' };
  for (const name of membersWithSentences) {
    const value = answer[name];
    // Most answers have neither warnings nor notes.
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (opened === answer) opened = { ...answer };
    opened[name] = ownSentences.includes(name) ? openTexts(value, lacking) : openParts(value, lacking);
  }
  return opened;
}

function openTexts(value: unknown, lacking: readonly string[]): unknown {
  if (Array.isArray(value))
    return value.map((text) => openTexts(text, lacking)).filter((text) => text !== '');
  return typeof value === 'string' ? withoutTools(value, lacking) : value;
}

function openParts(value: unknown, lacking: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((part) => openParts(part, lacking));
  return typeof value === 'object' && value !== null ? openNotes({ ...value }, lacking) : value;
}
