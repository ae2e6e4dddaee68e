import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { messageOf, SettingsError, systemCodeOf } from './errors.ts';

/** The engine of this machine, which every server has. */
export const embeddedEngine = 'embedded';

/** Where an engine has its models from. */
export type EngineModels =
  /** They are sent to it, as Triton takes them. */
  | { kind: 'pushed' }
  /** They are written to a folder that it shares with this machine, as MLServer reads them. */
  | { kind: 'folder'; folder: string; implementation: string }
  /** It has them already, under these names. */
  | { kind: 'served'; name: string; version: string | undefined };

/** An engine that is reached by the Open Inference Protocol. */
export interface EngineSettings {
  name: string;
  /** Without a slash at its end. */
  url: string;
  protocol: 'rest' | 'grpc';
  /** Sent with every request; they may hold secrets. */
  headers: Readonly<Record<string, string>>;
  /** File of certificates (PEM) to trust instead of the built-in ones. */
  caFile: string | undefined;
  models: EngineModels;
  /** Whether tensors go as bytes; undefined: where the engine says that it takes them. */
  binaryTensors: boolean | undefined;
}

const engineName = /^[a-z][a-z0-9_-]{0,39}$/;
const maxEngines = 50;

const address = z.string().refine((text) => {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === '' && password === '' && search === '' && hash === '';
}, 'must be an http:// or https:// address without user, query or fragment (credentials belong in headers)');

/** Two versions of one name there would be answered by the same model. */
const servedAs = z
  .strictObject({ name: z.string().min(1), version: z.string().min(1).optional() })
  .refine(
    ({ name, version = '' }) => /\{(?:version|sha256)\}/.test(name + version),
    'must have {version} or {sha256} in name or version, so that no two versions are the same model there',
  )
  .refine(
    ({ name, version = '' }) =>
      [...(name + version).matchAll(/\{([^}]*)\}/g)].every(([, placeholder]) =>
        ['model_id', 'version', 'sha256'].includes(placeholder ?? ''),
      ),
    'may have {model_id}, {version} and {sha256} in it, and no other braces',
  );

const models = z.union(
  [
    z.literal('pushed').transform(() => ({ kind: 'pushed' as const })),
    z.literal('served').transform(() => ({
      kind: 'served' as const,
      name: '{model_id}',
      version: '{version}' as string | undefined,
    })),
    z
      .strictObject({ served: servedAs })
      .transform(({ served }) => ({ kind: 'served' as const, name: served.name, version: served.version })),
    z
      .strictObject({
        folder: z.string().refine(isAbsolute, 'must be an absolute path'),
        implementation: z.string().regex(/^[A-Za-z_][\w.]*$/, 'must be the name of a Python class'),
      })
      .transform((given) => ({ kind: 'folder' as const, ...given })),
  ],
  {
    error:
      'must be "pushed", "served", {"served": {"name": "{model_id}-{version}"}} (with {version} or {sha256} in name or version, and no braces but {model_id}, {version}, {sha256}), or {"folder": "/absolute/path", "implementation": "package.Class"}',
  },
);

const engine = z.strictObject({
  type: z.literal('open_inference', { error: 'must be "open_inference"' }),
  url: address,
  protocol: z.enum(['rest', 'grpc'], { error: 'must be "rest" or "grpc"' }).default('rest'),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of an HTTP header'),
      z.string(),
    )
    .default({}),
  ca_file: z.string().refine(isAbsolute, 'must be an absolute path').optional(),
  models,
  binary_tensors: z.boolean().optional(),
});

const engines = z.record(
  z.string().regex(engineName, 'must be named in small letters, digits, - and _'),
  engine,
);

/**
 * Reads MODELYARD_ENGINES: a JSON object of engines by name. `${NAME}` in a header stands for that environment variable.
 * @throws SettingsError naming what is wrong, never a header's value
 */
export function parseEngines(text: string | undefined, environment: NodeJS.ProcessEnv): EngineSettings[] {
  if (text === undefined) return [];
  const wrong = (what: string) =>
    new SettingsError(`MODELYARD_ENGINES is not valid: ${what}.`, 'MODELYARD_ENGINES');
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw wrong(
      'it must be JSON, such as {"triton": {"type": "open_inference", "url": "http://triton:8000", "models": "pushed"}}',
    );
  }
  const parsed = engines.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join('.') ?? '';
    throw wrong(`${place === '' ? 'it' : place} ${told(issue)}`);
  }
  const found = Object.entries(parsed.data);
  if (found.length > maxEngines)
    throw wrong(`it has ${found.length} engines; at most ${maxEngines} are taken`);
  return found.map(([name, one]) => {
    if (name === embeddedEngine)
      throw wrong(`${embeddedEngine} is the name of the engine that every server has`);
    const grpcFault = one.protocol === 'grpc' ? unfitForGrpc(one) : undefined;
    if (grpcFault !== undefined) throw wrong(`${name}.${grpcFault}`);
    const caFault = one.ca_file === undefined ? undefined : certificatesFault(one.ca_file, one.url);
    if (caFault !== undefined) throw wrong(`${name}.ca_file ${caFault}`);
    return {
      name,
      url: one.url.replace(/\/+$/, ''),
      protocol: one.protocol,
      headers: Object.fromEntries(
        Object.entries(one.headers).map(([header, value]) => [
          header,
          expanded(value, environment, (what) => wrong(`${name}.headers.${header} ${what}`)),
        ]),
      ),
      caFile: one.ca_file,
      models: one.models,
      binaryTensors: one.binary_tensors,
    };
  });
}

/** gRPC has one address, no paths, and metadata in place of headers. */
function unfitForGrpc({ url, headers }: z.output<typeof engine>): string | undefined {
  if (new URL(url).pathname !== '/') return 'url must have no path with the protocol grpc';
  const header = Object.keys(headers).find((name) => !/^[\w.-]+$/.test(name) || /-bin$/i.test(name));
  return header && `headers.${header} cannot be sent with the protocol grpc`;
}

/** Node passes over what is no certificate, and nothing would be trusted. */
function certificatesFault(file: string, url: string): string | undefined {
  if (url.startsWith('http:')) return 'is of use with an https:// url only, and this one is http://';
  try {
    new X509Certificate(readFileSync(file));
    return undefined;
  } catch (error) {
    const code = systemCodeOf(error) ?? messageOf(error);
    return code.startsWith('ERR_') ? 'has no certificate in PEM' : `cannot be read (${code})`;
  }
}

function told(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'unrecognized_keys') return `has the unknown member ${issue.keys.join(', ')}`;
  if (issue?.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return issue?.message ?? 'is wrong';
}

function expanded(
  value: string,
  environment: NodeJS.ProcessEnv,
  wrong: (what: string) => SettingsError,
): string {
  const text = value.replace(/\$\{([^}]*)\}/g, (_, variable: string) => {
    const found = environment[variable];
    if (found === undefined || found === '')
      throw wrong(`names the environment variable ${variable}, which is not set`);
    return found;
  });
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
    throw wrong('(its value is not shown) has characters that no HTTP header may have');
  return text;
}
