import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ModelYardError } from '../errors.ts';
import { type Database, isUniqueViolation } from '../storage/database.ts';
import type { TokenRow } from '../storage/schema.ts';
import { appendAudit } from './audit.ts';
import { nameOf, type Origin } from './origin.ts';
import type { Role } from './roles.ts';

/**
 * A token is `modelyard_ID_SECRET`: the id finds its row, the secret is 256 random bits. Of it only a hash is kept, and a
 * fast one: nobody can try that many secrets, which is what slow hashes of passwords are there to hinder.
 */
const tokenForm = /^modelyard_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/** A token anywhere in a text. */
export const tokenInText = /modelyard_([0-9a-f]{12})_[A-Za-z0-9_-]{43}/;

export const tokenName = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export interface NewToken {
  name: string;
  role: Role;
  /** Milliseconds since 1970; undefined: it does not expire. */
  expiresAt: number | undefined;
}

/**
 * Makes a token. Its text is nowhere but in the answer.
 * @throws INVALID_INPUT when there is, or was, a token of that name: the audit trail knows them by it
 */
export async function createToken(
  database: Database,
  { name, role, expiresAt }: NewToken,
  origin: Origin,
  at: number,
): Promise<{ tokenId: string; text: string }> {
  const tokenId = randomBytes(6).toString('hex');
  const text = `modelyard_${tokenId}_${randomBytes(32).toString('base64url')}`;
  try {
    await database.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('tokens')
        .values({
          token_id: tokenId,
          name,
          role,
          hash: hashOf(text).toString('hex'),
          created_at: at,
          created_by: nameOf(origin.caller),
          expires_at: expiresAt ?? null,
          revoked_at: null,
          last_used_at: null,
        })
        .execute();
      const after = { id: tokenId, name, role, expires_at: expiresAt ?? null };
      await appendAudit(transaction, origin, { ...nothingOfModels, before: undefined, after }, at);
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new ModelYardError(
      'INVALID_INPUT',
      `There is a token named ${name}, or was one.`,
      'Choose another name, such as one with the date: the audit trail tells tokens apart by their names.',
    );
  }
  return { tokenId, text };
}

/**
 * Ends a token for good.
 * @returns the row as it was
 * @throws INVALID_INPUT when there is none of that name
 */
export async function revokeToken(
  database: Database,
  name: string,
  origin: Origin,
  at: number,
): Promise<TokenRow> {
  return database.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('tokens')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    if (row === undefined)
      throw new ModelYardError(
        'INVALID_INPUT',
        `There is no token named ${name}.`,
        'modelyard token list shows all.',
      );
    if (row.revoked_at !== null) return row;
    await transaction.updateTable('tokens').set({ revoked_at: at }).where('name', '=', name).execute();
    const before = { id: row.token_id, name, role: row.role, revoked_at: null };
    const after = { ...before, revoked_at: at };
    await appendAudit(transaction, origin, { ...nothingOfModels, before, after }, at);
    return row;
  });
}

const nothingOfModels = { modelId: undefined, version: undefined, outcome: 'done' };

/** All tokens, also those that have ended, the newest last. */
export function listTokens(database: Database): Promise<TokenRow[]> {
  return database.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('name').execute();
}

/** Whether the store has tokens, or had: from then on nobody comes in without one. */
export async function hasTokens(database: Database): Promise<boolean> {
  return (await database.selectFrom('tokens').select('token_id').limit(1).executeTakeFirst()) !== undefined;
}

/** The id in a token's text; undefined: it is none. */
export function tokenIdIn(text: string): string | undefined {
  return tokenForm.exec(text)?.[1];
}

/** The id of a token somewhere in a text, such as a header; undefined: there is none. */
export function tokenIdWithin(text: string): string | undefined {
  return tokenInText.exec(text)?.[1];
}

/** Whether a text is the token of this row, in a time that says nothing of how much of it is right. */
export function isToken(row: Pick<TokenRow, 'hash'>, text: string): boolean {
  const hash = Buffer.from(row.hash, 'hex');
  const given = hashOf(text);
  return hash.length === given.length && timingSafeEqual(hash, given);
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export type TokenState = 'valid' | 'expired' | 'revoked';

export function stateOf(row: Pick<TokenRow, 'expires_at' | 'revoked_at'>, now: number): TokenState {
  if (row.revoked_at !== null) return 'revoked';
  return row.expires_at !== null && row.expires_at <= now ? 'expired' : 'valid';
}
