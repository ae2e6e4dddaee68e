import { ModelYardError, messageOf, systemCodeOf } from '../errors.ts';

// A violated constraint is a defect of the code that wrote, not a database that is away.
const unavailable =
  /^(SQLITE_(?!CONSTRAINT)|08|53|57P|ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|28|3D000|40001|40P01|55P03|25006|25P0[23])/;

/** There is no connection; its cause says why. */
const noConnection = '08001';

/** The connection broke during a commit. */
const unknownOutcome = '08007';

/** Turns a database failure into STORAGE_UNAVAILABLE; returns anything else as it is. */
export function storageError(error: unknown): unknown {
  if (error instanceof ModelYardError) return error;
  const code = systemCodeOf(error);
  const connectionLost =
    /connection (terminated|timeout)|timeout exceeded when trying to connect|query read timeout|not queryable|ConnectionFailed/i.test(
      messageOf(error),
    );
  if (!connectionLost && (code === undefined || !unavailable.test(code))) return error;
  if (code === unknownOutcome)
    return new ModelYardError(
      'STORAGE_UNAVAILABLE',
      'The connection to the database broke while the change was being kept: it is made or it is not.',
      'Look (get_model, search_models, list_alerts) before you call again.',
      { cause: error },
    );
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The database did not carry out the operation (${reasonOf(error) ?? 'connection lost'}).`,
    'Try again shortly; if it goes on, check that the database is reachable and its disk is not full.',
    { cause: error },
  );
}

/** What makes a store unusable to a command, in a sentence; anything else is returned as it is. */
export function unusableStore(error: unknown): unknown {
  const code = systemCodeOf(error);
  if (code === undefined || !/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return storageError(error);
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The database file is damaged (${code}).`,
    'Keep a copy of it, and restore a backup from before into a new store.',
    { cause: error },
  );
}

/** The most specific code. */
function reasonOf(error: unknown): string | undefined {
  const code = systemCodeOf(error);
  if (code !== noConnection || !(error instanceof Error)) return code;
  return systemCodeOf(error.cause);
}

/** The database user lacks a permission that a store needs. */
const insufficientRights = '42501';

/** Turns a failure to bring the tables of PostgreSQL up to date into a sentence on DATABASE_URL, where it is no defect. */
export function openingError(error: unknown): unknown {
  const known = storageError(error);
  return known === error && systemCodeOf(error) !== insufficientRights ? error : connectingError(error);
}

/** Turns the failure of the first connection to PostgreSQL into a sentence on DATABASE_URL. */
export function connectingError(error: unknown): ModelYardError {
  // The message of several addresses that were tried is empty. None has the password in it.
  const told = messageOf(error) || systemCodeOf(error) || 'no answer';
  const reason = /client password must be/.test(told)
    ? 'the server wants a password, and it has none'
    : told.replace(/\s+/g, ' ').replace(/\.$/, '');
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `DATABASE_URL does not lead to a database that can be used: ${reason}.`,
    systemCodeOf(error) === insufficientRights
      ? 'Let its user make tables there (alter database … owner to …), or name another user in DATABASE_URL; the next call tries again.'
      : 'Correct DATABASE_URL, or start PostgreSQL there and create the database; the next call tries again.',
    { cause: error },
  );
}
