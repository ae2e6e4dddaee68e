import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtFile } from './built_file.ts';
import { ModelYardError, messageOf } from './errors.ts';

/** What is compiled for one platform only: the database, the runtime of models, and what turns charts into pixels. */
export type NativePart = 'libsql' | 'onnxruntime' | 'resvg';

interface Place {
  /** Its file in the folder `native` beside the programs of a package, which holds the parts of one platform. */
  packed: string;
  /** The same file among the packages of a clone. */
  installed: string;
  /** A library beside it without which it cannot be loaded. */
  library?: string | undefined;
}

const { platform, arch } = process;
const target = `${platform}-${arch}${{ linux: '-gnu', win32: '-msvc' }[String(platform)] ?? ''}`;

const places: Record<NativePart, Place> = {
  libsql: { packed: 'libsql.node', installed: `@libsql/${target}` },
  onnxruntime: {
    packed: 'onnxruntime_binding.node',
    installed: `onnxruntime-node/bin/napi-v6/${platform}/${arch}/onnxruntime_binding.node`,
    library: {
      linux: 'libonnxruntime.so.1',
      darwin: 'libonnxruntime.1.dylib',
      win32: 'onnxruntime.dll',
    }[String(platform)],
  },
  resvg: { packed: 'resvg.node', installed: `@resvg/resvg-js-${target}` },
};

/** Where all parts exist, by Node's names. Windows on ARM lacks the database, an Intel Mac the runtime. */
const supported = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64'];

/** Why ModelYard cannot run on a platform, in one sentence; undefined where it can. */
export function unsupportedPlatform(on: { platform: string; arch: string }): string | undefined {
  const name = `${on.platform}-${on.arch}`;
  if (supported.includes(name)) return undefined;
  const lacking =
    { 'darwin-x64': 'ONNX Runtime for Intel Macs', 'win32-arm64': 'libsql for Windows on ARM' }[name] ??
    'its native parts for it';
  return `ModelYard does not run on ${name}, since there is no build of ${lacking}: use Linux (x64 or arm64, with glibc), macOS on Apple silicon or Windows on x64.`;
}

/** What the message of every {@link NativePartError} begins with: the end of an engine host is told by it. */
export const nativePartComplaint = 'ModelYard is not installed whole:';

const installAgain = 'Install ModelYard again on this machine.';

/** Thrown where a native part is missing or cannot be loaded: the installation is at fault, no model and no call. */
export class NativePartError extends ModelYardError {
  constructor(reason: string) {
    super('INTERNAL', `${nativePartComplaint} ${reason}.`, installAgain);
  }
}

/**
 * Loads a native part. The bundle calls it in the place of the code by which each package looks for its own
 * (build/native_code.mjs).
 *
 * @throws NativePartError
 * @public
 */
export function loadNativePart(part: NativePart): unknown {
  const file = findPart(part);
  try {
    return createRequire(import.meta.url)(file);
  } catch (error) {
    throw new NativePartError(missingLibrary(part, file) ?? `${file} cannot be loaded (${firstLine(error)})`);
  }
}

/** The runtime is loaded in processes of its own: what the last one complained of, if it could not load it. */
let complaintOfRuntime: string | undefined;

/** Takes note of how the last load of the runtime went. @param complaint undefined where it was loaded */
export function noteRuntime(complaint: string | undefined): void {
  complaintOfRuntime = complaint === undefined ? undefined : `${complaint} ${installAgain}`;
}

/** What is wrong with a native part, in a sentence; undefined where its files are there and its last load did not fail. */
export function missingNativePart(part: NativePart): string | undefined {
  if (part === 'onnxruntime' && complaintOfRuntime !== undefined) return complaintOfRuntime;
  try {
    const missing = missingLibrary(part, findPart(part));
    return missing === undefined ? undefined : sentencesOf(new NativePartError(missing));
  } catch (error) {
    if (error instanceof NativePartError) return sentencesOf(error);
    throw error;
  }
}

function sentencesOf({ message, hint }: ModelYardError): string {
  return `${message} ${hint}`;
}

/** @throws NativePartError */
function findPart(part: NativePart): string {
  const { packed, installed } = places[part];
  const file = fileURLToPath(builtFile(`native/${packed}`));
  if (existsSync(dirname(file))) {
    if (existsSync(file)) return file;
    throw new NativePartError(`${file} is missing`);
  }
  try {
    return createRequire(import.meta.url).resolve(installed);
  } catch {
    throw new NativePartError(`${installed} is missing`);
  }
}

function missingLibrary(part: NativePart, file: string): string | undefined {
  const { library } = places[part];
  const beside = join(dirname(file), library ?? '');
  return library === undefined || existsSync(beside) ? undefined : `${beside} is missing`;
}

function firstLine(thrown: unknown): string {
  return messageOf(thrown).split('\n', 1)[0] ?? '';
}
