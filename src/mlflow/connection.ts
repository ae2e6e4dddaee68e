import { createReadStream, readFileSync } from 'node:fs';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as SecureAgent } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { ModelYardError, messageOf, SettingsError, systemCodeOf } from '../errors.ts';
import { redactText } from '../telemetry/redact.ts';
import { MlflowError } from './mlflow_error.ts';

export interface ConnectionSettings {
  trackingUri: string;
  username?: string | undefined;
  password?: string | undefined;
  token?: string | undefined;
  /** File of certificates (PEM) that are trusted instead of the built-in ones. */
  caFile?: string | undefined;
  /** Whether certificates are not checked. */
  insecureTls: boolean;
  /** Longest duration of a call; for a file, the longest pause in its transfer. */
  timeoutMs: number;
}

interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the server's address, such as `/api/2.0/mlflow/runs/get`. */
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** The only way to an MLflow server: credentials, time limits, and errors without secrets. */
export interface Connection {
  /** The server's address without credentials. */
  readonly address: string;
  /** @throws MlflowError; CANCELLED by the signal */
  json<Schema extends z.ZodType>(schema: Schema, call: Call): Promise<z.output<Schema>>;
  /** The bytes of a file, as they come. @throws MlflowError; CANCELLED */
  download(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  upload(path: string, from: UploadedFile, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** Bytes to send: a file of the artifact store (or `bytes` of it, from `start`), or a short text. */
export type UploadedFile = { file: string; bytes: number; start?: number } | { text: string };

const maxJsonBytes = 50e6;

const refusal = z.object({ error_code: z.string(), message: z.string().default('') });

/** @throws SettingsError when the address or the file of certificates cannot be used. */
export function openConnection(settings: ConnectionSettings): Connection {
  const base = new URL(settings.trackingUri);
  const { authorization, secrets } = credentials(settings, base);
  base.username = '';
  base.password = '';
  const root = base.href.replace(/\/+$/, '');
  const secure = base.protocol === 'https:';
  const agent = secure
    ? new SecureAgent({
        keepAlive: true,
        maxSockets: 4,
        rejectUnauthorized: !settings.insecureTls,
        ca: readCertificates(settings.caFile),
      })
    : new Agent({ keepAlive: true, maxSockets: 4 });

  const timeLimit = `nothing within ${settings.timeoutMs / 1000} s`;

  /** A text from MLflow or the system, with secrets removed. */
  const shown = (text: string) => {
    const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
    return redactText(clean).replace(/\s+/g, ' ').trim().slice(0, 300);
  };

  const failed = (error: unknown, method: string, signal: AbortSignal | undefined) => {
    if (error instanceof ModelYardError) return error;
    if (signal?.aborted)
      return new ModelYardError(
        'CANCELLED',
        'The call of MLflow was cancelled.',
        'Nothing was kept: call again if it is wanted.',
      );
    const code = systemCodeOf(error);
    return new MlflowError(
      'unreachable',
      `MLflow at ${root} did not answer (${shown(code ?? messageOf(error))}).`,
      {
        doubtful: method !== 'GET' && code !== 'ECONNREFUSED' && code !== 'ENOTFOUND',
        ...(/CERT|SIGNATURE/.test(code ?? '') && {
          hint: 'Name the certificate to trust in MLFLOW_TRACKING_SERVER_CERT_PATH.',
        }),
      },
    );
  };

  /** Sends a request; resolves once the response's headers are there, before its body is read. */
  const send = (
    method: string,
    path: string,
    options: {
      headers?: Record<string, string | number>;
      signal?: AbortSignal | undefined;
      write(request: ClientRequest): void;
    },
  ) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(`${root}${path}`, {
        method,
        agent,
        // Applies from the start; the timeout below begins with the connection.
        timeout: settings.timeoutMs,
        headers: { accept: '*/*', ...options.headers, ...(authorization && { authorization }) },
        ...(options.signal && { signal: options.signal }),
      });
      request.setTimeout(settings.timeoutMs, () => request.destroy(new Error(timeLimit)));
      request.once('response', resolve);
      request.once('error', reject);
      options.write(request);
    });

  const requireSuccess = async (response: IncomingMessage, method: string, path: string) => {
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return;
    const text = await readText(response);
    const what = `${method} ${path.split('?')[0]}`;
    if (status === 403 && /invalid host header/i.test(text))
      throw new MlflowError(
        'denied',
        `MLflow at ${root} does not take calls under this name (${shown(text)}).`,
        {
          hint: 'Start it with mlflow server --allowed-hosts naming the host and port of MLFLOW_TRACKING_URI.',
        },
      );
    if (status === 401 || status === 403)
      throw new MlflowError('denied', `MLflow at ${root} does not allow ${what} (HTTP ${status}).`);
    const said = refusal.safeParse(parseJson(text));
    if (status >= 500 || status === 429 || status === 408 || !said.success)
      throw new MlflowError('fault', `MLflow at ${root} answered ${what} with HTTP ${status}.`, {
        doubtful: method !== 'GET',
        errorCode: said.data?.error_code,
        status,
      });
    throw new MlflowError('refused', `MLflow: ${shown(said.data.message)}`, {
      errorCode: said.data.error_code,
    });
  };

  return {
    address: root,

    async json(schema, { method, path, query, body, signal }) {
      const whole = query === undefined ? path : `${path}?${new URLSearchParams(query)}`;
      const limit = AbortSignal.timeout(settings.timeoutMs);
      const text = body === undefined ? undefined : JSON.stringify(body);
      try {
        const response = await send(method, whole, {
          signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
          headers:
            text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
          write: (request) => request.end(text),
        });
        await requireSuccess(response, method, path);
        const answer = schema.safeParse(parseJson(await readText(response)));
        if (answer.success) return answer.data;
        throw new MlflowError('fault', `MLflow at ${root} answered ${method} ${path} with what is none.`, {
          doubtful: method !== 'GET',
        });
      } catch (error) {
        const isKnown = error instanceof ModelYardError || !limit.aborted;
        throw failed(isKnown ? error : new Error(timeLimit), method, signal);
      }
    },

    async *download(path, signal) {
      try {
        const response = await send('GET', path, { signal, write: (request) => request.end() });
        await requireSuccess(response, 'GET', path);
        const announced = Number(response.headers['content-length'] ?? Number.NaN);
        let received = 0;
        for await (const chunk of response) {
          if (!Buffer.isBuffer(chunk)) continue;
          received += chunk.length;
          yield chunk;
        }
        if (Number.isFinite(announced) && received !== announced) throw new Error('cut off');
      } catch (error) {
        throw failed(error, 'GET', signal);
      }
    },

    async upload(path, from, signal) {
      const sending: Promise<void>[] = [];
      try {
        const response = await send('PUT', path, {
          signal,
          headers: {
            'content-type': 'application/octet-stream',
            'content-length': 'text' in from ? Buffer.byteLength(from.text) : from.bytes,
          },
          write: (request) => {
            if ('text' in from) request.end(from.text);
            else sending.push(pipeline(contentOf(from), request).catch(() => undefined));
          },
        });
        await requireSuccess(response, 'PUT', path);
        response.resume();
      } catch (error) {
        throw failed(error, 'PUT', signal);
      } finally {
        await Promise.all(sending);
      }
    },

    close: () => agent.destroy(),
  };
}

function contentOf({ file, bytes, start = 0 }: { file: string; bytes: number; start?: number }) {
  return createReadStream(file, bytes === 0 ? {} : { start, end: start + bytes - 1 });
}

/**
 * The credentials, by token or by name and password (which the address may hold too), and every text that must not be
 * shown.
 */
function credentials(settings: ConnectionSettings, base: URL): { authorization?: string; secrets: string[] } {
  const username = settings.username ?? decoded(base.username);
  const password = settings.password ?? decoded(base.password);
  const { token } = settings;
  if (token !== undefined) return { authorization: `Bearer ${token}`, secrets: [token] };
  if (username === '' && password === '') return { secrets: [] };
  const encoded = Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
  return {
    authorization: `Basic ${encoded}`,
    // Without a password the name is a token.
    secrets: [encoded, password === '' ? username : password],
  };
}

/** A decoded part of an address; text that is not validly encoded is taken literally. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function readCertificates(file: string | undefined): Buffer | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file);
  } catch (error) {
    throw new SettingsError(`MLFLOW_TRACKING_SERVER_CERT_PATH=${file} cannot be read: ${messageOf(error)}.`);
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > maxJsonBytes) throw new Error('an answer without end');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
