import type { Database } from '../storage/database.ts';

/** A file that an answer of the session links to. */
export interface SessionLink {
  uri: string;
  name: string;
  mimeType: string;
}

/** Links of a session that are kept. */
const most = 1000;

export async function rememberLinks(
  database: Database,
  sessionId: string,
  links: readonly SessionLink[],
  at: number,
): Promise<void> {
  if (links.length === 0) return;
  const rows = links.map(({ uri, name, mimeType }) => ({
    session_id: sessionId,
    uri,
    name,
    mime_type: mimeType,
    at,
  }));
  await database
    .insertInto('mcp_links')
    .values(rows)
    .onConflict((conflict) => conflict.columns(['session_id', 'uri']).doUpdateSet({ at }))
    .execute();
  const newest = database
    .selectFrom('mcp_links')
    .select('uri')
    .where('session_id', '=', sessionId)
    .orderBy('at', 'desc')
    .limit(most);
  await database
    .deleteFrom('mcp_links')
    .where('session_id', '=', sessionId)
    .where('uri', 'not in', newest)
    .execute();
}

/** The newest first. */
export async function listLinks(database: Database, sessionId: string): Promise<SessionLink[]> {
  const rows = await database
    .selectFrom('mcp_links')
    .select(['uri', 'name', 'mime_type'])
    .where('session_id', '=', sessionId)
    .orderBy('at', 'desc')
    .execute();
  return rows.map(({ uri, name, mime_type }) => ({ uri, name, mimeType: mime_type }));
}
