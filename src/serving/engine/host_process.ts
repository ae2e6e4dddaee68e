import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ModelYardError } from '../../errors.ts';
import { memoryCapMarker } from './lifeline_pipe.ts';
import { frame, framePrefixBytes, type HostAnswer, type HostRequest, maxBodyBytes } from './protocol.ts';

export interface HostProcess {
  pid: number | undefined;
  /**
   * Sends one request and waits for its answer; one at a time.
   * @throws TIMEOUT after `timeoutMs` (the host is killed), ENGINE_CRASHED when the host ends meanwhile.
   */
  request(header: HostRequest, body: readonly Uint8Array[], timeoutMs: number): Promise<HostReply>;
  /** False once the process has ended or was told to. */
  isAlive(): boolean;
  /** Ends the process at once; what it was doing is lost. */
  kill(): void;
}

export interface HostReply {
  header: HostAnswer;
  body: Buffer;
}

/** The compiled host; a server that runs from its TypeScript sources (the tests) uses the built one. */
const hostFile = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../../dist/src/serving/engine/host.js' : './host.js',
    import.meta.url,
  ),
);

/** What a host needs of the environment. A model gets no secrets: not the database's address, no tokens. */
const passedOn = ['PATH', 'SystemRoot', 'TMPDIR', 'TEMP', 'TMP', 'LD_LIBRARY_PATH', 'LANG', 'LC_ALL'];

/** @param memoryBytes resident memory at which the host ends itself. */
export function spawnHost(memoryBytes: number): HostProcess {
  const environment = {
    ...Object.fromEntries(
      passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
    // onnxruntime on Linux reports to its makers otherwise, and leaves files in the temporary directory.
    ORT_DISABLE_TELEMETRY: '1',
  };
  // Its own pipes for all of standard input, output and error: a host must never hold the server's.
  const child = spawn(process.execPath, [hostFile, String(memoryBytes)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: environment,
    cwd: tmpdir(),
    windowsHide: true,
  });
  let waiting:
    | { resolve(reply: HostReply): void; reject(error: Error): void; timer: NodeJS.Timeout }
    | undefined;
  let alive = true;
  let lastWords = '';

  const settle = () => {
    const settled = waiting;
    waiting = undefined;
    clearTimeout(settled?.timer);
    return settled;
  };
  const ended = (how: string) => {
    alive = false;
    settle()?.reject(lastWords.includes(memoryCapMarker) ? tooLarge(memoryBytes) : crashed(how, lastWords));
  };
  const parser = frameParser((header, body) => settle()?.resolve({ header, body }));

  child.once('error', (error) => ended(error.message));
  child.once('close', (code, signal) => ended(signal ?? `exit code ${code}`));
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
    kill,
    request: (header, body, timeoutMs) =>
      new Promise((resolve, reject) => {
        if (!alive) return reject(crashed('it had ended before the call', lastWords));
        const timer = setTimeout(() => {
          const late = settle();
          kill();
          late?.reject(timedOut(header.operation, timeoutMs));
        }, timeoutMs);
        waiting = { resolve, reject, timer };
        for (const part of frame(header, body)) child.stdin?.write(part);
      }),
  };
}

/** An idle host must not keep the server from ending; a request under way is held by its timer. */
function keepFromHoldingTheProcess(child: ChildProcess): void {
  child.unref();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.unref();
}

/** Collects chunks into frames. The function it returns is false when what came is not a frame. */
export function frameParser(onFrame: (header: HostAnswer, body: Buffer) => void): (chunk: Buffer) => boolean {
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
        header = JSON.parse(all.toString('utf8', framePrefixBytes, bodyStart));
      } catch {
        return false;
      }
      onFrame(header, all.subarray(bodyStart, needed));
      const rest = all.subarray(needed);
      chunks = rest.length === 0 ? [] : [rest];
      held = rest.length;
      needed = framePrefixBytes;
    }
    return true;
  };
}

function timedOut(operation: 'load' | 'run', timeoutMs: number): ModelYardError {
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

function tooLarge(memoryBytes: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model took more than ${Math.round(memoryBytes / 1e6)} MB of memory; its engine host was stopped.`,
    'Send fewer rows or smaller tensors, or start the server with a higher MODELYARD_ENGINE_MEMORY_MB.',
  );
}

function crashed(how: string, lastWords: string): ModelYardError {
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The engine host that runs this model ended (${how}).`,
    'The next call starts a new host. If it happens again, the model itself is at fault: check its operators with these inputs.',
    { cause: lastWords },
  );
}
