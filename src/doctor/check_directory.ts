import { randomUUID } from 'node:crypto';
import { statfsSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, systemCodeOf } from '../errors.ts';
import { openToOthers } from '../storage/tighten_modes.ts';
import { type Check, note, ok, problem } from './check.ts';

const subject = 'directory';

/** Free space below which the database can hardly be written, and below which it is time to think of it. */
const fullDiskBytes = 1e6;
const lowDiskBytes = 500e6;

/**
 * Whether the store's directory can be used, is closed to others and has room. Makes nothing but a file of no bytes, which it
 * removes at once.
 */
export function checkDirectory(directory: string): Check[] {
  const found = lookAt(directory);
  if (found === 'missing') {
    const parent = nearestExisting(dirname(directory));
    return [
      writing(parent, `${directory} does not exist yet and cannot be made`) ??
        ok(subject, `${directory} does not exist yet: the first start makes it`),
      checkRoom(parent),
    ];
  }
  if (found === 'other')
    return [
      problem(
        subject,
        `${directory} is no directory`,
        'Set MODEL_REGISTRY_DIR to a directory, or to a path where one can be made.',
      ),
    ];
  const fault = writing(directory, `${directory} cannot be written`);
  return [
    fault ?? ok(subject, `${directory} can be read and written`),
    ...checkPrivacy(directory),
    checkRoom(directory),
  ];
}

function lookAt(path: string): 'directory' | 'missing' | 'other' {
  try {
    return statSync(path).isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return 'missing';
    return systemCodeOf(error) === 'ENOTDIR' ? 'other' : 'directory';
  }
}

function nearestExisting(path: string): string {
  return lookAt(path) === 'missing' && dirname(path) !== path ? nearestExisting(dirname(path)) : path;
}

/** undefined: a file can be made there. A full disk has a check of its own. */
function writing(directory: string, what: string): Check | undefined {
  const file = join(directory, `.modelyard-doctor-${randomUUID()}`);
  try {
    writeFileSync(file, '', { flag: 'wx', mode: 0o600 });
    unlinkSync(file);
    return undefined;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') return undefined;
    return problem(
      subject,
      `${what} (${code ?? messageOf(error)})`,
      `Let the user who runs the client write ${directory}, or set MODEL_REGISTRY_DIR to another directory.`,
    );
  }
}

/** What everybody asked the models and what they were told is its owner's alone. */
function checkPrivacy(directory: string): Check[] {
  const open = openToOthers(directory);
  if (open === undefined) return [];
  return [
    note(
      subject,
      `others on this machine can get at ${open}`,
      `chmod -R go= '${directory}' closes it; so does a start of the server, where it is its user's own directory and no shared one.`,
    ),
  ];
}

function checkRoom(directory: string): Check {
  const name = 'disk';
  try {
    const { bavail, bsize, files, ffree } = statfsSync(directory);
    const free = bavail * bsize;
    const shown = free < 1e9 ? `${Math.round(free / 1e6)} MB` : `${(free / 1e9).toFixed(1)} GB`;
    if (free < fullDiskBytes)
      return problem(
        name,
        `the disk of ${directory} is full (${Math.round(free / 1e3)} kB free)`,
        'Make room there, or set MODEL_REGISTRY_DIR to a directory on another disk.',
      );
    if (files > 0 && ffree === 0)
      return problem(
        name,
        `the disk of ${directory} takes no more files (no inodes are free)`,
        'Remove files there, or set MODEL_REGISTRY_DIR to a directory on another disk.',
      );
    if (free < lowDiskBytes)
      return note(
        name,
        `${shown} free in ${directory}`,
        'Make room before models and predictions fill it (MODELYARD_LOG_MAX_MB bounds the log).',
      );
    return ok(name, `${shown} free in ${directory}`);
  } catch (error) {
    return problem(
      name,
      `the room of ${directory} cannot be found out (${systemCodeOf(error) ?? messageOf(error)})`,
      'Look whether its file system is mounted.',
    );
  }
}
