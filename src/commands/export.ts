import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { may } from '../access/roles.ts';
import { ModelYardError, SettingsError } from '../errors.ts';
import { canaryShare } from '../kubernetes/canary_share.ts';
import { inferenceService } from '../kubernetes/inference_service.ts';
import { kubernetesName, nameInKubernetes } from '../kubernetes/kubernetes_name.ts';
import {
  type ServerPlace,
  serveDeployment,
  serveService,
  serviceAccount,
} from '../kubernetes/serve_deployment.ts';
import {
  inFolder,
  type RepositoryFile,
  tritonRepository,
  writeRepository,
} from '../kubernetes/triton_repository.ts';
import { packageVersion } from '../package_info.ts';
import { resolveVersion } from '../registry/resolve_version.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { readRoute } from '../serving/stored_route.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import { addressOf } from '../storage/object_store_settings.ts';
import { openArtifacts } from '../storage/open_artifacts.ts';
import { requireOwnDirectory } from '../storage/store_identity.ts';
import { parseCommand } from './command_line.ts';
import { print } from './standard_output.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard export kserve MODEL [VERSION] [flags]

Prints what Kubernetes is to be told, as YAML for kubectl apply: an InferenceService of KServe that serves the version with
Triton, and a Deployment and a Service of modelyard serve. Before, it puts the version as a model repository of Triton where
KServe can read it: below kserve/ in the object store that MODELYARD_ARTIFACTS names, or in a folder. Without VERSION it is
the active one, or the one in production. docs/KUBERNETES.md says what must be there.

  --name NAME         of the InferenceService (the model's, as far as Kubernetes takes it)
  --namespace NAME    of all objects (the one that kubectl uses)
  --image IMAGE       of the Deployment (modelyard:${packageVersion})
  --repository DIR    writes the repository into a folder of this machine, with --storage-uri
  --storage-uri URI   where KServe finds that folder, such as pvc://models/kserve
  --force             replace the model in DIR

Writing to the object store needs MODELYARD_ROLE=operator or admin, and no MODELYARD_READ_ONLY.
`;

export const exportCommand = { usage, run: runExport };

const options = {
  name: { type: 'string' },
  namespace: { type: 'string' },
  image: { type: 'string' },
  repository: { type: 'string' },
  'storage-uri': { type: 'string' },
  force: { type: 'boolean' },
} as const;

const label = z
  .string()
  .max(40)
  .regex(kubernetesName, 'must have small letters, digits and - only, beginning with a letter');
const flags = z
  .object({
    name: label.optional(),
    namespace: z.string().max(63).regex(kubernetesName, 'must be the name of a namespace').optional(),
    image: z
      .string()
      .regex(/^[\w./:@-]+$/, 'must be the name of an image')
      .default(`modelyard:${packageVersion}`),
    repository: z.string().min(1).optional(),
    'storage-uri': z
      .string()
      .regex(
        /^[a-z][a-z0-9+.-]*:\/\/\S+$/,
        'must be an address such as pvc://models/kserve or s3://bucket/models',
      )
      .optional(),
    force: z.boolean().default(false),
  })
  .refine((given) => (given.repository === undefined) === (given['storage-uri'] === undefined), {
    path: ['repository'],
    message: '--repository and --storage-uri are given together',
  });

async function runExport(settings: Settings, given: string[]): Promise<number> {
  const { values, positionals } = parseCommand('export', given, options, {
    least: 2,
    most: 3,
    what: 'kind of export (kserve) or the model',
  });
  const [kind, modelId = '', version] = positionals;
  if (kind !== 'kserve')
    throw new SettingsError(
      `Unexpected argument '${kind}': kserve is what can be exported. See modelyard export --help.`,
    );
  const parsed = flags.safeParse(values, { reportInput: true });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SettingsError(
      `--${String(issue?.path[0] ?? '')}=${String(issue?.input ?? '')} is not valid: ${issue?.message}. See modelyard export --help.`,
    );
  }
  const { name, namespace, image, repository, 'storage-uri': storageUri, force } = parsed.data;
  const yaml = await withStore(settings, async (opened) => {
    await requireOwnDirectory(opened, settings.directory);
    const record = await resolveVersion(opened.database, modelId, version);
    const route = await readRoute(opened.database, modelId);
    const artifacts = await openArtifacts(settings, opened);
    try {
      const files = await artifacts.withFile(record.artifact, async (path) => tritonRepository(record, path));
      const place: ServerPlace = {
        namespace,
        image,
        serviceAccount: 'modelyard',
        artifacts: artifacts.remote && addressWithout(artifacts.remote.address),
      };
      const service = inferenceService({
        name: name ?? nameInKubernetes(modelId),
        namespace,
        modelId,
        version: record.version,
        sha256: record.artifact.sha256,
        storageUri: await putRepository(settings, artifacts, record, files, {
          repository,
          storageUri,
          force,
        }),
        canaryShare: canaryShare(route, record.version),
        serviceAccount: place.serviceAccount,
      });
      tellOf(route?.weights.length ?? 0, place);
      return yamlOf([serviceAccount(place), service, serveDeployment(place), serveService(place)]);
    } finally {
      artifacts.close();
    }
  });
  await print(yaml);
  return 0;
}

interface RepositoryPlace {
  repository: string | undefined;
  storageUri: string | undefined;
  force: boolean;
}

/** Writes the model repository. @returns where KServe finds it */
async function putRepository(
  settings: Settings,
  { remote }: ArtifactStore,
  { modelId, version }: VersionRecord,
  files: readonly RepositoryFile[],
  { repository, storageUri, force }: RepositoryPlace,
): Promise<string> {
  if (repository !== undefined && storageUri !== undefined) {
    await writeRepository(resolve(repository), modelId, files, force);
    return storageUri;
  }
  if (remote === undefined || settings.objectStore === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'The artifacts are in a folder of this machine, which KServe cannot read.',
      'Set MODELYARD_ARTIFACTS=s3://bucket/prefix (modelyard upload brings there what is in the folder), or write the repository to a folder that you copy to the cluster: --repository DIR --storage-uri pvc://VOLUME/PATH.',
    );
  if (!may(settings, 'WRITE'))
    throw new ModelYardError(
      'PERMISSION_DENIED',
      `Writing to the object store needs the role operator, and this is ${settings.readOnly ? 'a read-only one' : `the role ${settings.role}`}.`,
      'Set MODELYARD_ROLE=operator, and no MODELYARD_READ_ONLY.',
    );
  await remote.check();
  const { openObjectStore } = await import('../storage/object_store.ts');
  const objects = openObjectStore(settings.objectStore);
  const below = `kserve/${modelId}/${version}`;
  try {
    await inFolder(tmpdir(), files, async (folder) => {
      for (const { path, content } of files)
        await objects.upload(`${below}/${path}`, join(folder, path), Buffer.byteLength(content));
    });
  } finally {
    objects.close();
  }
  return `${addressWithout(addressOf(settings.objectStore))}/${below}`;
}

/** An address without the slash at its end. */
const addressWithout = (address: string) => address.replace(/\/$/, '');

function tellOf(versions: number, { artifacts }: ServerPlace): void {
  if (versions > 2)
    process.stderr.write(
      `modelyard: the route shares calls out over ${versions} versions, of which KServe knows two at a time: the last one that had all calls, and this.\n`,
    );
  if (artifacts === undefined)
    process.stderr.write(
      'modelyard: without MODELYARD_ARTIFACTS the pods of the Deployment find no artifacts of this store.\n',
    );
}

function yamlOf(documents: readonly object[]): string {
  return documents.map((document) => stringify(document, { lineWidth: 0 })).join('---\n');
}
