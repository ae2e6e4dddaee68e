import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, type ClientName, clientNames, clients, type Machine } from '../clients/client.ts';
import { type ConfiguredServer, modelYardServers, readConfiguration } from '../clients/configured_servers.ts';
import { expandVariables } from '../clients/expand_variables.ts';
import { findProgram } from '../clients/find_program.ts';
import { launchOf } from '../clients/launch.ts';
import { messageOf, systemCodeOf } from '../errors.ts';
import { isPlainObject } from '../plain_object.ts';
import { type Check, note, ok, problem } from './check.ts';
import { checkSettings } from './check_settings.ts';
import { tryServer } from './try_server.ts';

export interface ClientChecks {
  machine: Machine;
  /** Where the person stands: a project may have configurations of its own there. */
  folder: string;
  /** The path of this installation's main.js. */
  main: string;
  /** Looks at the store that a client's settings name; `who` is the column on the left. */
  checkStore(settings: ReturnType<typeof checkSettings>['settings'], who: string): Promise<Check[]>;
}

/** Whether ModelYard would start in the clients whose configuration is found. */
export async function checkClients(given: ClientChecks): Promise<Check[]> {
  const found = await Promise.all(clientNames.map((name) => checkClient(name, given)));
  const checks = found.flat();
  if (checks.length > 0) return checks;
  const titles = clientNames.map((name) => clients[name].title).join(', ');
  return [
    note(
      'clients',
      `no configuration of ${titles} is there`,
      'modelyard install CLIENT writes it; see modelyard install --help.',
    ),
  ];
}

async function checkClient(name: ClientName, given: ClientChecks): Promise<Check[]> {
  const client = clients[name];
  const { machine, folder } = given;
  const own = await checkFile(client, client.file(machine), undefined, given);
  const { projectFile } = client;
  const project = projectFile === undefined ? undefined : join(folder, projectFile);
  // The project's is the user's own where the person stands at home.
  if (project === undefined || project === client.file(machine)) return told(own, client, name);
  const ofProject = await checkFile(client, project, folder, given);
  return told([...own, ...ofProject], client, name);
}

/** What is in files that are there but do not name ModelYard is worth one line. */
function told(found: (Check | { unnamed: string })[], { title }: Client, name: ClientName): Check[] {
  const checks = found.filter((one) => 'status' in one);
  const [unnamed] = found.filter((one) => 'unnamed' in one);
  if (checks.length > 0 || unnamed === undefined) return checks;
  return [ok(title, `${unnamed.unnamed} does not name ModelYard (modelyard install ${name} adds it)`)];
}

async function checkFile(
  client: Client,
  file: string,
  folder: string | undefined,
  given: ClientChecks,
): Promise<(Check | { unnamed: string })[]> {
  const { title, key } = client;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    return [problem(title, `${file} cannot be read (${code ?? messageOf(error)})`, 'Look at its rights.')];
  }
  const { content, fault } = readConfiguration(text, client);
  if (content === undefined)
    return [
      problem(
        title,
        `${file} ${fault}: the client reads no server from it`,
        'Correct it by hand; modelyard install leaves it alone until then.',
      ),
    ];
  const scopes = [content[key], ...localScope(content, key, given.folder)];
  const servers = scopes.flatMap(modelYardServers);
  if (servers.length === 0) return [{ unnamed: file }];
  const checks = await Promise.all(
    servers.map((server) =>
      'fault' in server
        ? [
            problem(
              title,
              `the entry ${server.name} of ${file} ${server.fault}`,
              'Write it anew: modelyard install.',
            ),
          ]
        : checkServer(client, file, server, folder, given),
    ),
  );
  return checks.flat();
}

/** Claude Code keeps servers of one project in the user's file too. */
function localScope(content: Record<string, unknown>, key: string, folder: string): unknown[] {
  const { projects } = content;
  const project = isPlainObject(projects) ? projects[folder] : undefined;
  return isPlainObject(project) ? [project[key]] : [];
}

async function checkServer(
  { title }: Client,
  file: string,
  configured: ConfiguredServer,
  folder: string | undefined,
  { machine, main, checkStore }: ClientChecks,
): Promise<Check[]> {
  const where = `the entry ${configured.name} of ${file}`;
  const anew = 'Write it anew: modelyard install.';
  const { server, unknown } = expandVariables(configured, { ...machine, folder });
  if (unknown.length > 0)
    return [
      note(title, `${where} was not tried: only the client knows ${unknown.join(', ')}`, 'Try it there.'),
    ];
  const launch = launchOf(server);
  if (launch.kind === 'fetched')
    return [
      problem(
        title,
        `${where} fetches its program with ${server.command} at each start: whoever owns that name in the registry decides what runs`,
        `Name what is installed here: modelyard install.`,
      ),
    ];
  const environment = { ...clientEnvironment(machine), ...server.env };
  const inClient = { ...machine, environment };
  const program = findProgram(server.command, inClient);
  if (program === undefined)
    return [problem(title, `${where} starts ${server.command}, which is not there or no program`, anew)];
  if (launch.kind === 'other')
    return [
      note(
        title,
        `${where} was not tried: ${server.command} is neither node nor modelyard`,
        'Try it in the client.',
      ),
    ];
  if (launch.kind === 'node' && realPath(launch.main) === undefined)
    return [problem(title, `${where} starts ${launch.main}, which does not exist`, anew)];
  const isThisOne = launch.kind === 'node' && realPath(launch.main) === realPath(main);
  if (folder !== undefined && !isThisOne)
    return [
      note(
        title,
        `${where} was not tried: it is a project's and starts another installation than this one`,
        'Look whether you trust it, and try it in the client.',
      ),
    ];
  const { settings, checks } = checkSettings(environment, configIn(launch.flags));
  const wrong = checks.filter(({ status }) => status === 'problem');
  if (wrong.length > 0)
    return wrong.map((check) => ({ ...check, subject: title, what: `${where}: ${check.what}` }));
  const trial = await tryApart({ ...server, env: environment, cwd: server.cwd ?? homedir() }, launch.flags);
  const stored = (await checkStore(settings, title)).map((check) => ({
    ...check,
    what: `${where}: ${check.what}`,
  }));
  if (trial.fault !== undefined)
    return [problem(title, `${where} does not start: ${trial.fault}`, anew), ...stored];
  return [ok(title, `${where} starts (ModelYard ${trial.version}, ${trial.tools} tools)`), ...stored];
}

/** What clients hand on of their own environment. */
function clientEnvironment({ platform, environment }: Machine): NodeJS.ProcessEnv {
  const names =
    platform === 'win32'
      ? /^(appdata|homedrive|homepath|localappdata|path|pathext|processor_architecture|programfiles|systemdrive|systemroot|comspec|temp|tmp|username|userprofile)$/i
      : /^(HOME|LOGNAME|PATH|SHELL|TERM|USER|LANG|TMPDIR)$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => names.test(name)));
}

/** Settings by which a server touches something outside its process: a trial goes without. */
const touching = [
  'MODEL_REGISTRY_DIR',
  'DATABASE_URL',
  'MODELYARD_ARTIFACTS',
  'MLFLOW_TRACKING_URI',
  'MLFLOW_EXPERIMENT_NAME',
  'ENABLE_MLFLOW_REGISTRY',
  'MODELYARD_ALERT_WEBHOOK',
  'MODELYARD_ALERT_WEBHOOK_SECRET',
];

/** Tries a server on a store of its own, which goes away: its own is neither made nor migrated by a doctor. */
async function tryApart(
  {
    command,
    args,
    env,
    cwd,
  }: Pick<ConfiguredServer, 'command' | 'args'> & { env: NodeJS.ProcessEnv; cwd: string },
  flags: readonly string[],
) {
  const scratch = mkdtempSync(join(tmpdir(), 'modelyard-doctor-'));
  try {
    const config = configIn(flags);
    const copy = join(scratch, 'config.json');
    if (config !== undefined)
      writeFileSync(copy, JSON.stringify(without(JSON.parse(readFileSync(config, 'utf8')))));
    return await tryServer({
      command,
      args:
        config === undefined
          ? args
          : args.map((one) =>
              one === config ? copy : one === `--config=${config}` ? `--config=${copy}` : one,
            ),
      env: { ...without(env), MODEL_REGISTRY_DIR: join(scratch, 'store') },
      cwd,
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

function without<Value>(settings: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !touching.includes(name)));
}

/** The file that --config names. */
function configIn(flags: readonly string[]): string | undefined {
  const at = flags.findIndex((flag) => flag === '--config' || flag.startsWith('--config='));
  const flag = flags[at];
  if (flag === undefined) return undefined;
  return flag.startsWith('--config=') ? flag.slice('--config='.length) : flags[at + 1];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
