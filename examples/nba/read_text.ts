/** Text of a local file or of an http(s) address, within limits. */
import { readFile, stat } from 'node:fs/promises';

export type ReadLimits = {
  /** Longest wait for a whole answer over http(s), in milliseconds. */
  timeoutMilliseconds: number;
  /** Largest text accepted, in bytes. */
  maximumBytes: number;
};

/** A season of LeagueGameLog is about 0.5 MB. */
export const defaultLimits: ReadLimits = { timeoutMilliseconds: 30_000, maximumBytes: 20_000_000 };

/** The source could not be read; the message names the source and the reason. */
export class SourceError extends Error {
  override name = 'SourceError';
}

/** The NBA stats service tends to leave requests without these unanswered. */
const requestHeaders = {
  accept: 'application/json, text/csv',
  referer: 'https://www.nba.com/',
  'user-agent': 'Mozilla/5.0 (compatible; modelyard-example)',
};

/**
 * Read UTF-8 text from `source`, a file path or an http(s) URL.
 * @throws SourceError for a missing file, an HTTP status that is not 2xx, a timeout, or too large a text.
 */
export async function readText(source: string, limits: ReadLimits = defaultLimits): Promise<string> {
  return /^https?:\/\//i.test(source) ? await readAddress(source, limits) : await readLocal(source, limits);
}

async function readLocal(path: string, { maximumBytes }: ReadLimits): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maximumBytes) throw tooLarge(path, maximumBytes);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw asSourceError(path, error);
  }
}

async function readAddress(address: string, limits: ReadLimits): Promise<string> {
  try {
    const signal = AbortSignal.timeout(limits.timeoutMilliseconds);
    const response = await fetch(address, { headers: requestHeaders, signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new SourceError(`${address}: HTTP status ${response.status}`);
    }
    return await readBody(address, response, limits.maximumBytes);
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new SourceError(`${address}: no complete answer within ${limits.timeoutMilliseconds} ms`);
    }
    throw asSourceError(address, error);
  }
}

async function readBody(address: string, response: Response, maximumBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maximumBytes) throw tooLarge(address, maximumBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(source: string, maximumBytes: number): SourceError {
  return new SourceError(`${source}: larger than ${maximumBytes} bytes`);
}

function asSourceError(source: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new SourceError(`${source}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause: error,
  });
}
