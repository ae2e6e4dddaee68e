/** Something that is not as it should be, and what to do about it. */
export interface Finding {
  /** A note is harmless: nothing is lost or wrong. */
  severity: 'problem' | 'note';
  what: string;
  next: string;
}

export type Report = (finding: Finding) => void;

export function problem(what: string, next: string): Finding {
  return { severity: 'problem', what, next };
}

export function note(what: string, next: string): Finding {
  return { severity: 'note', what, next };
}

/** What to do where the database itself holds what it never should. */
export const fromBackup =
  'Something other than ModelYard changed the database, or its disk is failing: restore a backup from before into a new store.';
