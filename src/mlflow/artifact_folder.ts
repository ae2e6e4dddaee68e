import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { holdReadableDirectory, openReadable } from '../files/file_access.ts';
import { piecesOf } from '../files/opened_file.ts';
import type { Connection, UploadedFile } from './connection.ts';
import { isMissing } from './mlflow_error.ts';
import { isInside } from './source.ts';

export interface FolderEntry {
  name: string;
  isDirectory: boolean;
  bytes: number;
}

/** An artifact directory of MLflow. Paths are relative to it, with `/`. */
export interface ArtifactFolder {
  /** The entries directly below `path` ('' is the folder itself); none where there is no such directory. */
  list(path: string): Promise<FolderEntry[]>;
  read(path: string): AsyncIterable<Uint8Array>;
  write(path: string, from: UploadedFile): Promise<void>;
}

const listing = z.object({
  files: z
    .array(
      z.object({
        path: z.string(),
        is_dir: z.boolean().default(false),
        file_size: z.coerce.number().default(0),
      }),
    )
    .default([]),
});

const proxyPath = '/api/2.0/mlflow-artifacts/artifacts';

/**
 * The folder at an artifact URI: `mlflow-artifacts:` and addresses of the tracking server's own proxy through
 * it; `file:` and absolute paths on this machine's file system, below the allowed roots.
 * @throws INVALID_INPUT for a store that is reached neither way; and its functions PATH_NOT_ALLOWED
 */
export function artifactFolder(
  connection: Connection,
  uri: string,
  allowedRoots: readonly string[],
  signal?: AbortSignal,
): ArtifactFolder {
  const proxied = proxiedPath(connection, uri);
  if (proxied !== undefined) return proxiedFolder(connection, proxied, signal);
  const local = localPath(uri);
  if (local !== undefined) return localFolder(local, allowedRoots, signal);
  throw new ModelYardError(
    'INVALID_INPUT',
    `MLflow keeps these artifacts at ${uri.replace(/^(\w+:\/\/)[^/@]*@/, '$1').slice(0, 100)}, which is reached only with that store's own client.`,
    'Let the server hand out artifacts (mlflow server --serve-artifacts, the default, for experiments made since), or download the .onnx file and give its path.',
  );
}

function proxiedPath(connection: Connection, uri: string): string | undefined {
  const own = new URL(connection.address);
  const found = /^mlflow-artifacts:\/(?:\/([^/]*))?(.*)$/.exec(
    uri.replace(/^mlflow-artifacts:\/(?!\/)/, 'mlflow-artifacts:///'),
  );
  if (found !== null) {
    const [, host = '', path = ''] = found;
    // Credentials are sent to the tracking server only.
    if (host !== '' && host !== own.host) return undefined;
    return requireInside(path.replace(/^\/+/, ''));
  }
  const prefix = `${connection.address}${proxyPath}/`;
  return uri.startsWith(prefix) ? requireInside(decodeURIComponent(uri.slice(prefix.length))) : undefined;
}

function proxiedFolder(connection: Connection, root: string, signal?: AbortSignal): ArtifactFolder {
  const addressOf = (path: string) =>
    `${proxyPath}/${`${root}/${requireInside(path)}`.split('/').map(encodeURIComponent).join('/')}`;
  return {
    async list(path) {
      try {
        const { files } = await connection.json(listing, {
          method: 'GET',
          path: proxyPath,
          query: { path: path === '' ? root : `${root}/${requireInside(path)}` },
          signal,
        });
        return files.map((file) => ({
          name: nameOf(file.path),
          isDirectory: file.is_dir,
          bytes: file.file_size,
        }));
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
    read: (path) => connection.download(addressOf(path), signal),
    write: (path, from) => connection.upload(addressOf(path), from, signal),
  };
}

function localPath(uri: string): string | undefined {
  if (uri.startsWith('file:')) {
    const url = new URL(uri);
    return url.host === '' || url.host === 'localhost' ? fileURLToPath(`file://${url.pathname}`) : undefined;
  }
  return /^(\/|[A-Za-z]:[\\/])/.test(uri) ? uri : undefined;
}

/** Links are followed, and their targets must be allowed, as for any path that a caller names. */
function localFolder(path: string, allowedRoots: readonly string[], signal?: AbortSignal): ArtifactFolder {
  const inside = (below: string) => (below === '' ? path : join(path, ...requireInside(below).split('/')));
  const directoryAt = (below: string) =>
    holdReadableDirectory(inside(below), allowedRoots).catch((error: unknown) => {
      if (error instanceof ModelYardError && error.code === 'INVALID_INPUT') return undefined;
      throw error;
    });
  return {
    async list(below) {
      const root = await directoryAt('');
      await root?.close();
      if (root === undefined)
        throw new ModelYardError(
          'INVALID_INPUT',
          `MLflow keeps these artifacts in ${path}, which is no directory here.`,
          'Mount that directory at the same path, or let the server hand out artifacts (--serve-artifacts).',
        );
      const folder = await directoryAt(below);
      if (folder === undefined) return [];
      try {
        const names = await readdir(folder.path).catch(() => []);
        return await Promise.all(
          names.map(async (name) => {
            const found = await stat(join(folder.path, name)).catch(() => undefined);
            return { name, isDirectory: found?.isDirectory() ?? false, bytes: found?.size ?? 0 };
          }),
        );
      } finally {
        await folder.close();
      }
    },
    async *read(below) {
      const file = await openReadable(inside(below), { allowedRoots });
      try {
        for await (const chunk of piecesOf(file.fd, 1 << 20)) {
          if (signal?.aborted)
            throw new ModelYardError(
              'CANCELLED',
              'The download was cancelled.',
              'Nothing was kept: call again if it is wanted.',
            );
          yield chunk;
        }
      } finally {
        await file.close();
      }
    },
    async write() {
      throw new ModelYardError(
        'INVALID_INPUT',
        'MLflow keeps its artifacts in a directory; ModelYard writes only through the server.',
        'Start the server with --serve-artifacts (the default), and use an experiment made since.',
      );
    },
  };
}

/** @throws INVALID_INPUT for a path that leads out of the folder, since servers are not trusted */
function requireInside(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '' || isInside(trimmed)) return trimmed;
  throw new ModelYardError(
    'INVALID_INPUT',
    `MLflow names a path that cannot be: ${path.slice(0, 100)}.`,
    'Look at the artifacts in MLflow.',
  );
}

function nameOf(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? '';
}
