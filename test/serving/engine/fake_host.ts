import { ModelYardError } from '../../../src/errors.ts';
import type { HostProcess, HostReply } from '../../../src/serving/engine/host_process.ts';
import { packTensors, unpackTensors } from '../../../src/serving/engine/protocol.ts';

/** A host at the border of the machine: it answers when the test says so. */
export interface FakeHost {
  process: HostProcess;
  /** The rows of every run it was given, in order. */
  runs: number[][];
  /** How long each may take, milliseconds. */
  limits: number[];
  /** Whether a run is under way. */
  isBusy(): boolean;
  /** Answers the present run with its own rows. */
  answer(): void;
  fail(error: Error): void;
  /** The present run takes too long: the host is ended. */
  runOut(): void;
  end(): void;
}

export function fakeHost(): FakeHost {
  const runs: number[][] = [];
  let alive = true;
  let endedByItself = false;
  const limits: number[] = [];
  let waiting:
    | {
        resolve(reply: HostReply): void;
        reject(error: Error): void;
        reply: HostReply;
        timer: NodeJS.Timeout;
      }
    | undefined;
  const runOut = () => {
    alive = false;
    take()?.reject(new ModelYardError('TIMEOUT', 'ran on', 'fewer'));
  };
  const take = () => {
    const taken = waiting;
    waiting = undefined;
    clearTimeout(taken?.timer);
    return taken;
  };
  return {
    runs,
    limits,
    isBusy: () => waiting !== undefined,
    process: {
      pid: undefined,
      isAlive: () => alive,
      endedByItself: () => endedByItself,
      kill: () => {
        alive = false;
        take()?.reject(crashed());
      },
      request: (header, body, timeoutMs) =>
        new Promise((resolve, reject) => {
          if (header.operation !== 'run') return reject(new Error(`not a run: ${header.operation}`));
          const tensors = unpackTensors(header.tensors, Buffer.concat(body));
          runs.push([...(tensors.get('x')?.data ?? [])].map(Number));
          const { tensors: packed, body: bytes } = packTensors(
            new Map([...tensors].map(([, tensor]) => ['y', tensor])),
          );
          const reply = {
            header: { status: 'ran' as const, tensors: packed },
            body: Buffer.concat(bytes),
            runMs: 1,
          };
          limits.push(timeoutMs);
          waiting = { resolve, reject, reply, timer: setTimeout(runOut, timeoutMs) };
        }),
    },
    answer: () => {
      const taken = take();
      taken?.resolve(taken.reply);
    },
    fail: (error) => take()?.reject(error),
    runOut,
    end: () => {
      alive = false;
      endedByItself = true;
      take()?.reject(crashed());
    },
  };
}

const crashed = () => new ModelYardError('ENGINE_CRASHED', 'ended', 'again');
