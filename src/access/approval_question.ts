import type { ChangePlan } from './approval.ts';
import { nameOf, type Origin } from './origin.ts';
import { questionText } from './shown_text.ts';

/** Sentences that are shown, and characters of each; the question says when some are cut off. */
const shownSentences = 20;
const shownCharacters = 600;

/**
 * The question to the person at the client: the change as the server will make it. Text that a caller influenced
 * stands on a line of its own with everything visible, so that it can neither end the question nor imitate another.
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
    plan.change.deletes ? 'It cannot be taken back.' : 'Another call can take it back.',
    `Asked for by ${questionText(nameOf(origin.caller), 200)}.`,
  ].join('\n');
}
