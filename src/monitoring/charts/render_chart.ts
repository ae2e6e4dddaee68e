import { Worker } from 'node:worker_threads';
import { ModelYardError } from '../../errors.ts';
import type { ChartSpec } from './theme.ts';

export interface DrawRequest {
  id: number;
  spec: ChartSpec;
}

export type DrawAnswer = { id: number; png: Uint8Array } | { id: number; failure: string };

interface Waiting {
  resolve(png: Buffer): void;
  reject(error: ModelYardError): void;
}

/** How long the thread stays for another chart before its memory is given back. */
const IDLE_MS = 60_000;

/** The compiled thread; a server that runs from its TypeScript sources (the tests) uses the built one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/src/monitoring/charts/draw_thread.js' : './draw_thread.js',
  import.meta.url,
);

let current: DrawingThread | undefined;

/**
 * Draws a chart as PNG, {@link CHART_WIDTH} pixels wide and as high as it needs. The same chart gives the same bytes
 * on every machine. The first call starts a thread and loads what draws; a server that never calls this pays nothing.
 * @throws INTERNAL where the chart cannot be drawn, such as on a platform without resvg
 */
export function renderChart(spec: ChartSpec): Promise<Buffer> {
  if (current === undefined || current.ended) current = startThread();
  return current.draw(spec);
}

interface DrawingThread {
  readonly ended: boolean;
  draw(spec: ChartSpec): Promise<Buffer>;
}

function startThread(): DrawingThread {
  // The process's own flags may be none that a thread takes, and what it writes must not get among the
  // messages of the protocol.
  const thread = new Worker(threadFile, { execArgv: [], stdout: true });
  const waiting = new Map<number, Waiting>();
  let requests = 0;
  let ended = false;
  let idle: NodeJS.Timeout | undefined;

  const rest = () => {
    // A thread at rest must not keep the process from ending.
    thread.unref();
    idle = setTimeout(() => {
      ended = true;
      void thread.terminate();
    }, IDLE_MS).unref();
  };
  const end = (reason: string) => {
    ended = true;
    clearTimeout(idle);
    for (const { reject } of waiting.values()) reject(notDrawn(reason));
    waiting.clear();
  };
  thread.on('message', (answer: DrawAnswer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('png' in answer) {
      const { buffer, byteOffset, byteLength } = answer.png;
      asked?.resolve(Buffer.from(buffer, byteOffset, byteLength));
    } else asked?.reject(notDrawn(answer.failure));
    if (waiting.size === 0) rest();
  });
  thread.on('error', (error) => end(error.message));
  thread.on('exit', () => end('the drawing thread ended'));

  return {
    get ended() {
      return ended;
    },
    draw: (spec) =>
      new Promise((resolve, reject) => {
        clearTimeout(idle);
        const id = requests++;
        waiting.set(id, { resolve, reject });
        thread.ref();
        thread.postMessage({ id, spec } satisfies DrawRequest);
      }),
  };
}

function notDrawn(reason: string): ModelYardError {
  return new ModelYardError(
    'INTERNAL',
    `The chart could not be drawn (${reason}).`,
    'Its numbers do not depend on it: ask again without a chart.',
  );
}
