import { open } from 'node:fs/promises';

/** Makes a rename durable; Windows cannot open directories and does not need it. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
