import type { ChangePlan } from './approval.ts';
import { nameOf, type Origin } from './origin.ts';
import { questionText } from './shown_text.ts';

/** Sentences shown, and characters of each: what is cut off is said to be. */
const shownSentences = 20;
const shownCharacters = 600;

/**
 * What the person at the client is asked: the change as the server will make it. Whatever a caller had a hand in
 * is on one line of its own and shown as it is, so that it can neither end the question nor begin another.
 */
export function questionOf(origin: Origin, plan: ChangePlan): string {
  const shown = plan.summary.slice(0, shownSentences).map((text) => questionText(text, shownCharacters));
  const hidden = plan.summary.length - shown.length;
  return [
    `ModelYard asks: may ${questionText(origin.action, 100)} change ${questionText(plan.modelId, 200)}?`,
    '',
    'What will change:',
    ...shown.map((text) => `- ${text}`),
    ...(hidden > 0 ? [`- and ${hidden} changes that are not shown`] : []),
    '',
    plan.reversible ? 'Another call can take it back.' : 'It cannot be taken back.',
    `Asked for by ${questionText(nameOf(origin.caller), 200)}.`,
  ].join('\n');
}
