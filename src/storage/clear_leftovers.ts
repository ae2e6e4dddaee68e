import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../telemetry/logger.ts';
import { clearIncoming } from './clear_incoming.ts';
import { ownerOf } from './owned_name.ts';
import { clearUnfinished } from './unfinished_notes.ts';

/**
 * Removes what killed processes left: half-copied models, half-written outputs, the space reserved for their
 * journals.
 */
export async function clearLeftovers(directory: string, now: number, logger: Logger): Promise<void> {
  const incoming = await clearIncoming(directory, now);
  const outputs = await clearUnfinished(directory, now);
  const removed = [...incoming.map(({ name }) => name), ...outputs];
  for (const name of await readdir(join(directory, 'journals')).catch(() => []))
    if (/^(reserve|making)~/.test(name) && ownerOf(name) === 'gone')
      await unlink(join(directory, 'journals', name)).catch(() => undefined);
  if (removed.length > 0)
    logger.info('what killed processes left was removed', {
      files: removed.length,
      names: removed.slice(0, 10),
    });
}
