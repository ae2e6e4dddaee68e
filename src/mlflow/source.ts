import { ModelYardError } from '../errors.ts';

/** What an address of MLflow names. */
export type MlflowSource =
  /** Without a path ('') the one model that the run holds. */
  | { kind: 'run'; runId: string; path: string }
  | { kind: 'version'; name: string; version: number }
  | { kind: 'alias'; name: string; alias: string }
  | { kind: 'logged'; modelId: string };

export function isMlflowSource(source: string): boolean {
  return /^(runs|models):/.test(source);
}

/**
 * Reads `runs:/<run_id>`, `runs:/<run_id>/<path>`, `models:/<name>/<version>`, `models:/<name>@<alias>` or `models:/<model_id>`.
 * @throws INVALID_INPUT for anything else.
 */
export function parseSource(source: string): MlflowSource {
  const [, runId, path = ''] = /^runs:\/([A-Za-z0-9][\w-]*)(?:\/(.*))?$/.exec(source) ?? [];
  if (runId !== undefined && (path === '' || isInside(path)))
    return { kind: 'run', runId, path: path.replace(/\/+$/, '') };
  const [, rest = ''] = /^models:\/([^/].*)$/.exec(source) ?? [];
  const logged = /^m-[A-Za-z0-9]+$/.exec(rest);
  if (logged !== null) return { kind: 'logged', modelId: rest };
  const version = /^([^/@]+)\/(\d{1,15})$/.exec(rest);
  if (version?.[1] !== undefined) return { kind: 'version', name: version[1], version: Number(version[2]) };
  const alias = /^([^/@]+)@([\w-]+)$/.exec(rest);
  if (alias?.[1] !== undefined && alias[2] !== undefined)
    return { kind: 'alias', name: alias[1], alias: alias[2] };
  throw new ModelYardError(
    'INVALID_INPUT',
    `source=${source} is no address of a model in MLflow.`,
    'Give runs:/<run_id>, runs:/<run_id>/<path>, models:/<name>/<version number>, models:/<name>@<alias> or models:/<model_id>.',
  );
}

/** Whether a relative path stays where it is put: no empty part, none that climbs. */
export function isInside(path: string): boolean {
  const parts = path.replace(/\/+$/, '').split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part));
}
