import { z } from 'zod';
import { SettingsError } from '../errors.ts';
import { hostnameOf } from '../http/access/addresses.ts';
import type { ServeOptions } from '../http/serve_options.ts';
import { identifier } from '../identifier.ts';
import '../plain_messages.ts';
import { serveHttp } from '../serve_http.ts';
import { readSettings } from '../settings.ts';
import { parseCommand } from './command_line.ts';

const usage = `Usage: modelyard serve [flags]

Answers applications and remote agents over HTTP, on the store that MODEL_REGISTRY_DIR or DATABASE_URL names, beside any
number of other servers. docs/HTTP_GUIDE.md has the addresses. Without a token in the store (modelyard token create)
only this machine is served, reading and predicting.

  --host HOST            name or address to listen on (127.0.0.1)
  --port PORT            0: a free one, which is printed (8080)
  --grpc-port PORT       serves the Open Inference Protocol by gRPC too (8081 by custom; 0: a free one)
  --workers N            processes that share the port (1)
  --model ID             serves it at /invocations too, as MLflow's server does its one, with /ping, /health and /version
  --tls-cert FILE        certificate chain (PEM); with --tls-key FILE: HTTPS only
  --tls-key FILE
  --allowed-host NAME    a name by which this server is called, besides localhost; may be repeated
  --allowed-origin URL   a server whose pages may call this one from browsers; may be repeated
  --max-body-mb N        largest body of a request, except of uploads (32)
  --max-rate N           calls a second of each token, or address without one (no limit); each worker counts its own
  --drain-seconds S      how long calls are still taken after SIGTERM while others are under way (5)
  --read-only            refuse every change
  --toolsets SETS        over MCP, offer tools of these sets only: core, serving, registry, monitoring, mlflow, rollouts,
                         separated by commas
`;

export const serveCommand = { usage, run: runServe };

const options = {
  host: { type: 'string' },
  port: { type: 'string' },
  'grpc-port': { type: 'string' },
  workers: { type: 'string' },
  model: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'allowed-host': { type: 'string', multiple: true },
  'allowed-origin': { type: 'string', multiple: true },
  'max-body-mb': { type: 'string' },
  'max-rate': { type: 'string' },
  'drain-seconds': { type: 'string' },
  'read-only': { type: 'boolean' },
  toolsets: { type: 'string' },
} as const;

const number = z.coerce.number();
const flags = z
  .object({
    host: z
      .string()
      .refine(
        (text) => hostnameOf(text.includes(':') ? `[${text}]` : text) !== undefined,
        'must be a name or an address',
      )
      .default('127.0.0.1'),
    port: number.int().min(0).max(65_535).default(8080),
    'grpc-port': number.int().min(0).max(65_535).optional(),
    workers: number.int().min(1).max(256).default(1),
    model: identifier.optional(),
    'tls-cert': z.string().min(1).optional(),
    'tls-key': z.string().min(1).optional(),
    'allowed-host': z
      .array(
        z
          .string()
          .transform((text) => text.toLowerCase())
          .refine((text) => hostnameOf(text) === text, 'must be a name without a port'),
      )
      .default([]),
    'allowed-origin': z
      .array(
        z
          .string()
          .refine(
            (text) => text === '*' || (URL.canParse(text) && new URL(text).origin === text),
            'must be * or an origin such as https://example.org',
          ),
      )
      .default([]),
    'max-body-mb': number.positive().max(1000).default(32),
    'max-rate': number.positive().max(1e9).optional(),
    'drain-seconds': number.min(0).max(3600).default(5),
    'read-only': z.boolean().default(false),
    toolsets: z.string().optional(),
  })
  .refine((given) => (given['tls-cert'] === undefined) === (given['tls-key'] === undefined), {
    path: ['tls-cert'],
    message: '--tls-cert and --tls-key are given together',
  });

async function runServe(given: string[], config: string | undefined): Promise<number> {
  const { values } = parseCommand('serve', given, options);
  const parsed = flags.safeParse(values, { reportInput: true });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SettingsError(
      `--${String(issue?.path[0] ?? '')}=${String(issue?.input ?? '')} is not valid: ${issue?.message}. See modelyard serve --help.`,
    );
  }
  const settings = readSettings(process.env, {
    config,
    readOnly: parsed.data['read-only'],
    toolsets: parsed.data.toolsets,
    namedRootsOnly: true,
  });
  return serveHttp(settings, optionsOf(parsed.data));
}

function optionsOf(given: z.output<typeof flags>): ServeOptions {
  const [certFile, keyFile] = [given['tls-cert'], given['tls-key']];
  return {
    host: given.host,
    port: given.port,
    grpcPort: given['grpc-port'],
    workers: given.workers,
    model: given.model,
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    allowedHosts: given['allowed-host'],
    allowedOrigins: given['allowed-origin'],
    maxBodyBytes: Math.round(given['max-body-mb'] * 1e6),
    maxRate: given['max-rate'],
    drainMs: given['drain-seconds'] * 1000,
  };
}
