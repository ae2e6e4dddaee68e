/** One thing that was looked at, and how it is. */
export interface Check {
  /** What it is about, in a word or two: the column on the left. */
  subject: string;
  /** A note hinders nothing now; a problem stops the server, or a part of it. */
  status: 'ok' | 'note' | 'problem';
  what: string;
  /** What to do about it; nothing where all is well. */
  next?: string;
}

export function ok(subject: string, what: string): Check {
  return { subject, status: 'ok', what };
}

export function note(subject: string, what: string, next: string): Check {
  return { subject, status: 'note', what, next };
}

export function problem(subject: string, what: string, next: string): Check {
  return { subject, status: 'problem', what, next };
}
