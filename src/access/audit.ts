import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import type { AuditEntryRow, Tables } from '../storage/schema.ts';
import { redact, redactText } from '../telemetry/redact.ts';
import type { GuardedState } from './guarded_state.ts';
import { clientOf, type Origin } from './origin.ts';

/** The part of an audit entry that the change itself supplies. */
export interface AuditedChange {
  modelId: string | undefined;
  version: string | undefined;
  before: unknown;
  after: unknown;
  /** Hashes of the rows of the model as the change left them. */
  state?: GuardedState | undefined;
  /** `done`, or the code of the error that the call ended with. */
  outcome: string;
  detail?: string | undefined;
}

/** The hash before the first entry. */
export const firstHash = '0'.repeat(64);

/**
 * Adds an entry to the audit trail in the transaction of its change, so that both are kept or neither. Each entry has
 * the hash of the one before, so altering or removing one breaks the chain. This also locks the end of the chain,
 * which orders all changes of a store: do it last in a transaction.
 */
export async function appendAudit(
  transaction: Transaction<Tables>,
  origin: Origin,
  change: AuditedChange,
  at: number,
): Promise<void> {
  await transaction.updateTable('audit_head').set({ sequence: sql<number>`sequence + 1` }).execute();
  const head = await transaction
    .selectFrom('audit_head')
    .select(['sequence', 'hash'])
    .executeTakeFirstOrThrow();
  // Hashed as the database returns it, since text is stored as both databases can hold it.
  const entry = {
    sequence: head.sequence,
    at,
    request_id: origin.requestId,
    role: origin.caller.role,
    client: storable(clientOf(origin.caller)),
    action: origin.action,
    model_id: storable(change.modelId),
    version: storable(change.version),
    arguments: shownJson(origin.arguments),
    before: change.before === undefined ? null : shownJson(change.before),
    after: change.after === undefined ? null : shownJson(change.after),
    state: change.state === undefined ? null : JSON.stringify(change.state),
    outcome: change.outcome,
    detail: storable(change.detail === undefined ? undefined : redactText(change.detail).slice(0, 2000)),
    previous_hash: head.hash,
  };
  const hash = hashOf(entry);
  await transaction
    .insertInto('audit_entries')
    .values({ ...entry, hash })
    .execute();
  await transaction.updateTable('audit_head').set({ hash }).execute();
}

/**
 * Locks the end of the chain, which every change of the store does when it ends: what is read from here on cannot be
 * changed by others before this transaction ends.
 */
export async function lockTrail(transaction: Transaction<Tables>): Promise<void> {
  await transaction.updateTable('audit_head').set({ sequence: sql<number>`sequence` }).execute();
}

/** PostgreSQL cannot store NUL in text, and neither database half of a surrogate pair. */
function storable(text: string | undefined): string | null {
  return text?.replace(/[\0\p{Surrogate}]/gu, '\uFFFD') ?? null;
}

/** SHA-256, in hexadecimal, of the JSON array of an entry's fields in this order. */
export function hashOf(entry: Omit<AuditEntryRow, 'hash'>): string {
  const fields = [
    entry.sequence,
    entry.at,
    entry.request_id,
    entry.role,
    entry.client,
    entry.action,
    entry.model_id,
    entry.version,
    entry.arguments,
    entry.before,
    entry.after,
    entry.state,
    entry.outcome,
    entry.detail,
    entry.previous_hash,
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

/** Longer JSON is replaced by its hash, since an entry should not hold a thousand rows. */
const shownCharacters = 2000;

/** JSON without secrets; members that are too long are replaced by their length and SHA-256. */
function shownJson(value: unknown): string {
  const shown = redact(value);
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown)) return shortJson(shown);
  const members = Object.entries(shown).map(
    ([name, item]) => `${JSON.stringify(name.slice(0, 256))}:${shortJson(item)}`,
  );
  const text = `{${members.join(',')}}`;
  return text.length > 10 * shownCharacters ? shortJson(text) : text;
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  if (text.length <= shownCharacters) return text;
  const sha256 = createHash('sha256').update(text).digest('hex');
  return JSON.stringify({ characters: text.length, sha256 });
}
