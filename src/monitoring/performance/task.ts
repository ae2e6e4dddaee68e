import { type EncodedRows, sortLabels } from './rows.ts';

/** What kind of question a classifier answers. */
export type Task = { kind: 'binary'; positive: string; negative: string } | { kind: 'multiclass' };

export interface TaskOptions {
  /** The class that precision, recall and the like are about, of two. Default: the last in the labels' order ("1", "true", "yes"). */
  positive?: string | undefined;
  /** The classes that the model knows, seen or not. */
  classes?: readonly string[] | undefined;
}

/**
 * Two classes, seen or known, make a binary task. A model that knows two is asked about those two, also where something
 * else came out: one mistyped outcome must not turn its recall into an average over three classes.
 */
export function taskOf(seen: Iterable<string>, { positive, classes = [] }: TaskOptions): Task {
  const own = new Set(classes);
  const known = own.size === 2 ? own : new Set([...seen, ...own]);
  // Where one class was seen, the name of the positive one tells the other.
  if (positive !== undefined && known.size === 1) known.add(positive);
  const [first, last] = sortLabels(known);
  if (known.size !== 2 || first === undefined || last === undefined) return { kind: 'multiclass' };
  return positive === first
    ? { kind: 'binary', positive: first, negative: last }
    : { kind: 'binary', positive: last, negative: first };
}

/** What is asked of a model that lists its classes in that order: of two, as everywhere, the second is the positive one. */
export function taskOfModel(classes: readonly string[] | undefined): TaskOptions {
  return { classes, positive: classes?.length === 2 ? classes[1] : undefined };
}

/** How many rows turned out to be neither of a binary task's classes; 0 for other tasks. */
export function rowsOfNeither({ labels, actual }: EncodedRows, task: Task): number {
  if (task.kind === 'multiclass') return 0;
  return actual.reduce((sum, label) => {
    const name = labels[label];
    return sum + (name === task.positive || name === task.negative ? 0 : 1);
  }, 0);
}
