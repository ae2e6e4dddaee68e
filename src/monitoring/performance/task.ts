import { sortLabels } from './rows.ts';

/** What kind of question a classifier answers. */
export type Task = { kind: 'binary'; positive: string; negative: string } | { kind: 'multiclass' };

export interface TaskOptions {
  /** The class that precision, recall and the like are about, of two. Default: the last in the labels' order ("1", "true", "yes"). */
  positive?: string | undefined;
  /** The classes that the model knows, seen or not. */
  classes?: readonly string[] | undefined;
}

/** Two classes, seen or known, make a binary task. */
export function taskOf(seen: Iterable<string>, { positive, classes = [] }: TaskOptions): Task {
  const known = new Set([...seen, ...classes]);
  // Where one class was seen, the name of the positive one tells the other.
  if (positive !== undefined && known.size === 1) known.add(positive);
  const [first, last] = sortLabels(known);
  if (known.size !== 2 || first === undefined || last === undefined) return { kind: 'multiclass' };
  return positive === first
    ? { kind: 'binary', positive: first, negative: last }
    : { kind: 'binary', positive: last, negative: first };
}
