import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { tmpdir, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { version as runtimeVersion } from 'onnxruntime-node/dist/version.js';
import { builtFile } from '../../built_file.ts';
import { createDeadlines, type Timed } from '../../deadlines.ts';
import { ModelYardError } from '../../errors.ts';
import { nativePartComplaint, noteRuntime } from '../../native_parts.ts';
import { memoryCapMarker } from './lifeline_pipe.ts';
import {
  framePrefixBytes,
  framer,
  type HostAnswer,
  type HostRequest,
  headerParser,
  maxBodyBytes,
  parseAnswer,
} from './protocol.ts';

export interface HostProcess {
  pid: number | undefined;
  /**
   * Sends one request and waits for its answer; one at a time.
   * @throws TIMEOUT after `timeoutMs` (the host is killed), ENGINE_CRASHED when the host ends meanwhile.
   */
  request(header: HostRequest, body: readonly Uint8Array[], timeoutMs: number): Promise<HostReply>;
  /** False once the process has ended or was told to. */
  isAlive(): boolean;
  /** Whether it ended by an error of its own, not by a signal from outside. */
  endedByItself(): boolean;
  /** Ends the process at once; what it was doing is lost. */
  kill(): void;
}

export interface HostReply {
  header: HostAnswer;
  body: Buffer;
  /** What the run took, milliseconds; 0 for an answer to anything else. */
  runMs: number;
}

type Operation = HostRequest['operation'];

/** A request that is not answered yet. */
interface Waiting extends Timed {
  operation: Operation;
  timeoutMs: number;
  resolve(reply: HostReply): void;
  reject(error: Error): void;
}

const hostFile = fileURLToPath(builtFile('host.js'));

/** What a host needs of the environment. A model gets no secrets: not the database's address, no tokens. */
const passedOn = ['PATH', 'SystemRoot', 'TMPDIR', 'TEMP', 'TMP', 'LD_LIBRARY_PATH', 'LANG', 'LC_ALL'];

/** @param memoryBytes resident memory at which the host ends itself; by default half of the machine's. */
export function spawnHost(memoryBytes = totalmem() / 2): HostProcess {
  const environment = {
    ...Object.fromEntries(
      passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
    // Without this, onnxruntime on Linux sends telemetry and leaves files in the temporary directory.
    ORT_DISABLE_TELEMETRY: '1',
  };
  // Its own pipes for all of standard input, output and error: a host must never hold the server's.
  const child = spawn(process.execPath, [hostFile, String(memoryBytes)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: environment,
    cwd: tmpdir(),
    windowsHide: true,
  });
  let waiting: Waiting | undefined;
  let alive = true;
  let lastWords = '';
  let endedByItself = false;

  const settle = () => {
    const settled = waiting;
    waiting = undefined;
    if (settled !== undefined) deadlines.leave(settled);
    return settled;
  };
  const deadlines = createDeadlines<Waiting>(({ operation, timeoutMs, reject }) => {
    settle();
    kill();
    reject(timedOut(operation, timeoutMs));
  });
  const ended = (how: string) => {
    alive = false;
    const { operation = 'run', reject } = settle() ?? {};
    reject?.(
      lastWords.includes(memoryCapMarker)
        ? tooLarge(operation, memoryBytes)
        : crashed(operation, how, lastWords),
    );
  };
  const frame = framer();
  const parser = frameParser((reply) => settle()?.resolve(reply));

  child.once('error', (error) => ended(error.message));
  child.once('close', (code, signal) => {
    endedByItself = alive && (signal === null ? code !== 0 : faultSignals.has(signal));
    ended(signal ?? `exit code ${code}`);
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    if (!parser(chunk)) child.kill('SIGKILL');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString('utf8')).slice(-2000);
  });
  // A pipe that breaks is the end of the host, which 'close' reports.
  for (const pipe of child.stdio) pipe?.on('error', () => undefined);
  keepFromHoldingTheProcess(child);

  const kill = () => {
    alive = false;
    child.kill('SIGKILL');
  };
  return {
    pid: child.pid,
    isAlive: () => alive,
    endedByItself: () => endedByItself,
    kill,
    request: (header, body, timeoutMs) =>
      new Promise((resolve, reject) => {
        const { operation } = header;
        if (!alive) return reject(crashed(operation, 'it had ended before the call', lastWords));
        waiting = { operation, timeoutMs, resolve, reject, dueAt: performance.now() + timeoutMs };
        deadlines.add(waiting);
        for (const part of frame(header, body)) child.stdin?.write(part);
      }),
  };
}

/** Signals that a process gets for a fatal error of its own. */
const faultSignals: ReadonlySet<string> = new Set([
  ...['SIGSEGV', 'SIGFPE', 'SIGABRT', 'SIGILL', 'SIGBUS', 'SIGTRAP', 'SIGSYS'],
]);

/** An idle host must not keep the server from ending; a request under way is held by its timer. */
function keepFromHoldingTheProcess(child: ChildProcess): void {
  child.unref();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.unref();
}

/** Collects chunks into frames. The function it returns is false when what came is not a frame. */
export function frameParser(onFrame: (reply: HostReply) => void): (chunk: Buffer) => boolean {
  const parseHeader = headerParser(parseAnswer);
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = framePrefixBytes;
  return (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    while (held >= needed) {
      const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      const headerLength = all.readUInt32LE(0);
      const bodyLength = all.readUInt32LE(4);
      if (headerLength > maxBodyBytes || bodyLength > maxBodyBytes) return false;
      needed = framePrefixBytes + headerLength + bodyLength;
      chunks = [all];
      if (held < needed) break;
      const bodyStart = framePrefixBytes + headerLength;
      let header: HostAnswer;
      try {
        header = parseHeader(all.subarray(framePrefixBytes, bodyStart));
      } catch {
        return false;
      }
      onFrame({ header, body: all.subarray(bodyStart, needed), runMs: all.readDoubleLE(8) });
      const rest = all.subarray(needed);
      chunks = rest.length === 0 ? [] : [rest];
      held = rest.length;
      needed = framePrefixBytes;
    }
    return true;
  };
}

function timedOut(operation: Operation, timeoutMs: number): ModelYardError {
  return operation === 'run'
    ? new ModelYardError(
        'TIMEOUT',
        `The model did not answer within ${timeoutMs} ms; its engine host was stopped.`,
        'Try again with fewer or simpler rows, or start the server with a higher MODELYARD_PREDICT_TIMEOUT_MS.',
      )
    : new ModelYardError(
        'TIMEOUT',
        `The model did not load within ${timeoutMs} ms; its engine host was stopped.`,
        'Simplify the model, or start the server with a higher MODELYARD_LOAD_TIMEOUT_MS.',
      );
}

function tooLarge(operation: Operation, memoryBytes: number): ModelYardError {
  const isRun = operation === 'run';
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model took more than ${Math.round(memoryBytes / 1e6)} MB of memory${isRun ? '' : ' while it was loaded'}; its engine host was stopped.`,
    `${isRun ? 'Send fewer rows or smaller tensors' : 'Use a smaller model'}, or start the server with a higher MODELYARD_ENGINE_MEMORY_MB.`,
  );
}

function crashed(operation: Operation, how: string, lastWords: string): ModelYardError {
  const complaint = lastWords.indexOf(nativePartComplaint);
  if (complaint !== -1) return notInstalled(lastWords.slice(complaint).split('\n', 1)[0] ?? '');
  const runtime = `onnxruntime ${runtimeVersion}`;
  if (operation === 'load')
    return new ModelYardError(
      'ENGINE_CRASHED',
      `The runtime (${runtime}) ended while it loaded this model (${how}).`,
      'Try again. Where it ends each time, load the file in Python with the same version of onnxruntime: it ends there too, and only another export of the model helps.',
      { cause: lastWords },
    );
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The runtime that runs this model (${runtime}) ended (${how}).`,
    'Another is started. Where it ends on the same rows again, run these rows in Python with the same version of onnxruntime: it ends there too, and only other rows, another export of the model or another version help.',
    { cause: lastWords },
  );
}

/** Neither the model nor the call is at fault: no host can start on this machine. */
function notInstalled(complaint: string): ModelYardError {
  noteRuntime(complaint);
  return new ModelYardError(
    'INTERNAL',
    `No model can run here. ${complaint}`,
    'Install ModelYard again on this machine; no model is at fault.',
  );
}
