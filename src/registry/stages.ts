export const stages = ['development', 'staging', 'production', 'archived'] as const;
export type Stage = (typeof stages)[number];

const allowed: Record<Stage, readonly Stage[]> = {
  development: ['staging', 'production', 'archived'],
  staging: ['production', 'archived'],
  production: ['archived'],
  archived: ['development'],
};

export type Transition =
  | { legal: true; warnings: string[] }
  | { legal: false; message: string; hint: string };

/**
 * Whether a version may move between two stages: forward along development → staging → production →
 * archived, and from archived back to development. Skipping staging on the way to production is allowed
 * and warned about.
 */
export function judgeTransition(from: Stage, to: Stage): Transition {
  if (from === to)
    return { legal: false, message: `It is in ${to} already.`, hint: 'Nothing needs to be done.' };
  if (!allowed[from].includes(to))
    return {
      legal: false,
      message: `A version cannot go from ${from} to ${to}.`,
      hint: `From ${from} it can go to: ${allowed[from].join(', ')}.`,
    };
  const skipped = from === 'development' && to === 'production';
  return { legal: true, warnings: skipped ? ['It went to production without having been in staging.'] : [] };
}

/** The shortest way from one stage to another along legal transitions, without the start. */
export function stepsBetween(from: Stage, to: Stage): Stage[] {
  const ways: Stage[][] = [[from]];
  for (const way of ways) {
    const last = way.at(-1);
    if (last === to) return way.slice(1);
    for (const next of last === undefined ? [] : allowed[last])
      if (!way.includes(next)) ways.push([...way, next]);
  }
  return [];
}
