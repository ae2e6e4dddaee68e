import { uuidv7 } from 'uuidv7';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';

/** How long a message waits for the process that it concerns, milliseconds. */
const waitsMs = 60_000;

/** Messages of a session that may wait at once. */
const mostWaiting = 100;

/** The longest message that is handed on, characters of its JSON: a person's answer has some dozens. */
const longestMessage = 10_000;

/**
 * A client's message that reached one process and concerns what another does: that a call is taken back, or a person's
 * answer. The processes that do something for the session look for it.
 */
export interface WaitingMessage {
  messageId: string;
  sessionId: string;
  /** JSON-RPC, as JSON. */
  message: string;
}

/**
 * Leaves a message for the others; of those that wait too long, and of more than a hundred, the oldest go.
 * @throws LIMIT_EXCEEDED when it is too long
 */
export async function leaveMessage(
  database: Database,
  sessionId: string,
  message: string,
  now: number,
): Promise<void> {
  if (message.length > longestMessage)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `The answer has ${message.length} characters, more than the ${longestMessage} that are handed on.`,
      'Answer with what the question asks for only.',
    );
  await database.transaction().execute(async (transaction) => {
    await transaction
      .deleteFrom('mcp_messages')
      .where('at', '<', now - waitsMs)
      .execute();
    const newest = transaction
      .selectFrom('mcp_messages')
      .select('message_id')
      .where('session_id', '=', sessionId)
      .orderBy('message_id', 'desc')
      .limit(mostWaiting - 1);
    await transaction
      .deleteFrom('mcp_messages')
      .where('session_id', '=', sessionId)
      .where('message_id', 'not in', newest)
      .execute();
    await transaction
      .insertInto('mcp_messages')
      .values({ message_id: uuidv7(), session_id: sessionId, message, at: now })
      .execute();
  });
}

/** What waits for any process that does something for these sessions, the oldest first. */
export async function readMessages(
  database: Database,
  sessionIds: readonly string[],
): Promise<WaitingMessage[]> {
  if (sessionIds.length === 0) return [];
  const rows = await database
    .selectFrom('mcp_messages')
    .select(['message_id', 'session_id', 'message'])
    .where('session_id', 'in', sessionIds)
    .orderBy('message_id')
    .execute();
  return rows.map(({ message_id, session_id, message }) => ({
    messageId: message_id,
    sessionId: session_id,
    message,
  }));
}

export async function removeMessage(database: Database, messageId: string): Promise<void> {
  await database.deleteFrom('mcp_messages').where('message_id', '=', messageId).execute();
}
