import { createInterface } from 'node:readline/promises';

/**
 * Asks whoever sits at the terminal.
 *
 * @param output where the question is shown
 * @param signal takes the question back
 * @param interrupted told of Ctrl-C, which a terminal that is read by lines does not send as a signal
 * @returns the line; undefined when there came none: at the end of input, by Ctrl-C, or because it was taken back
 */
export async function askOnTerminal(
  question: string,
  output: NodeJS.WriteStream,
  { signal, interrupted = () => undefined }: { signal?: AbortSignal; interrupted?: () => void } = {},
): Promise<string | undefined> {
  if (signal?.aborted) return undefined;
  const terminal = createInterface({ input: process.stdin, output });
  const close = () => terminal.close();
  signal?.addEventListener('abort', close);
  terminal.once('SIGINT', () => {
    close();
    interrupted();
  });
  try {
    const gone = new Promise<undefined>((resolve) => terminal.once('close', () => resolve(undefined)));
    // Some versions of Node refuse a question that is open when the terminal is closed.
    return await Promise.race([terminal.question(question).catch(() => undefined), gone]);
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}
