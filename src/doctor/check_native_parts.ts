import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { builtFile } from '../built_file.ts';
import { unsupportedPlatform } from '../native_parts.ts';
import { type Check, ok, problem } from './check.ts';

/** The parts that are compiled for each platform, by their names in src/native_parts.ts, and what they are for. */
const parts = [
  { part: 'onnxruntime', module: 'onnxruntime-node', use: 'runs the models' },
  { part: 'libsql', module: 'libsql', use: 'keeps the store in a file' },
  { part: 'resvg', module: '@resvg/resvg-js', use: 'draws the charts' },
] as const;

const patienceMs = 30_000;

/** Whether there are parts for this platform, and each loads in a process of its own. */
export async function checkNativeParts(): Promise<Check[]> {
  const unsupported = unsupportedPlatform(process);
  if (unsupported === undefined) return Promise.all(parts.map((part) => checkPart(part)));
  const [what = '', next = ''] = unsupported.split(': ');
  return [problem('native parts', what, `U${next.slice(1)}`)];
}

function checkPart({ part, module, use }: (typeof parts)[number]): Promise<Check> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [fileURLToPath(builtFile('load_native_part.js')), part],
      { timeout: patienceMs, windowsHide: true },
      (error, output, complaint) => {
        if (output === 'loaded') return resolve(ok('native parts', `${module} loads (${use})`));
        const why = reasonIn(complaint) ?? error?.signal ?? error?.message ?? 'it ended without a word';
        resolve(
          problem(
            'native parts',
            `${module}, which ${use}, does not load on ${process.platform} ${process.arch}: ${why}`,
            'Install ModelYard again on this machine.',
          ),
        );
      },
    );
  });
}

/** The sentence of an error that Node printed. */
function reasonIn(complaint: string): string | undefined {
  return /^(?:\w*Error)(?: \[\w+\])?: (.{1,500})/m
    .exec(complaint)?.[1]
    ?.replace(/\.?( Install ModelYard again on this machine\.)?$/, '');
}
