import cluster, { type Worker } from 'node:cluster';
import { z } from 'zod';

/** prom-client's JSON: a metric each. */
const metricsOfOne = z.array(z.looseObject({ type: z.string() }));

/** What processes say to each other so that one scrape has the numbers of all. */
const message = z.discriminatedUnion('modelyard', [
  /** A worker that was asked asks the primary. */
  z.object({ modelyard: z.literal('metrics of all'), request: z.int() }),
  /** The primary asks each worker. */
  z.object({ modelyard: z.literal('metrics'), round: z.int() }),
  /** A worker's own. */
  z.object({ modelyard: z.literal('own metrics'), round: z.int(), metrics: metricsOfOne }),
  /** Of all, to the worker that asked. */
  z.object({
    modelyard: z.literal('all metrics'),
    request: z.int(),
    processes: z.array(metricsOfOne),
  }),
]);
type Message = z.output<typeof message>;
type Metrics = z.output<typeof metricsOfOne>;

/** How long a worker may take to tell its numbers; the last ones that it told count then, milliseconds. */
const patienceMs = 1000;
/** Workers that have ended whose numbers are kept apart before they are made one. */
const mostEnded = 8;
/** How long a scrape waits for the primary, milliseconds. */
const scrapePatienceMs = 3000;

/**
 * In the primary: gathers the numbers of all workers for the one that is scraped. A worker that has ended keeps counting with
 * the last that it told, so that no sum goes back, which Prometheus would take for a restart.
 */
export function relayMetrics(): void {
  const last = new Map<number, Metrics>();
  const ended: Metrics[] = [];
  let rounds = 0;
  const waiting = new Map<number, { missing: Set<number>; done(): void }>();

  const askAll = (): Promise<void> => {
    const round = ++rounds;
    const asked = Object.values(cluster.workers ?? {}).flatMap((worker) =>
      worker?.isConnected() ? [worker] : [],
    );
    return new Promise((resolve) => {
      const timer = setTimeout(end, patienceMs);
      function end() {
        clearTimeout(timer);
        waiting.delete(round);
        resolve();
      }
      waiting.set(round, { missing: new Set(asked.map(({ id }) => id)), done: end });
      for (const worker of asked) tell(worker, { modelyard: 'metrics', round });
      if (asked.length === 0) end();
    });
  };
  const mergeEnded = async () => {
    const { mergeMetrics } = await import('./merge_metrics.ts');
    const some = ended.slice();
    const merged = await mergeMetrics(some).getMetricsAsJSON();
    ended.splice(0, some.length, metricsOfOne.parse(merged));
  };
  const told = (id: number, round: number, metrics: Metrics) => {
    // A message may arrive after its sender has ended.
    if (cluster.workers?.[id] === undefined) return;
    last.set(id, metrics);
    const waited = waiting.get(round);
    if (waited?.missing.delete(id) && waited.missing.size === 0) waited.done();
  };

  cluster.on('message', (worker, given) => {
    const parsed = message.safeParse(given);
    if (!parsed.success) return;
    const { data } = parsed;
    if (data.modelyard === 'own metrics') told(worker.id, data.round, data.metrics);
    if (data.modelyard === 'metrics of all')
      void askAll().then(() => {
        const processes = [...ended, ...last.values()];
        if (worker.isConnected())
          tell(worker, { modelyard: 'all metrics', request: data.request, processes });
      });
  });
  cluster.on('exit', ({ id }) => {
    const metrics = last.get(id);
    last.delete(id);
    for (const { missing, done } of waiting.values()) if (missing.delete(id) && missing.size === 0) done();
    if (metrics === undefined) return;
    ended.push(metrics.filter(({ type }) => type === 'counter' || type === 'histogram'));
    if (ended.length > mostEnded) void mergeEnded();
  });
}

function tell(worker: Worker, told: Message): void {
  // One that ends meanwhile is counted by what it told last.
  worker.send(told, () => undefined);
}

/**
 * In a worker: answers the primary, and asks it for the numbers of all.
 * @param read the numbers of this process
 */
export function workerMetrics(read: () => Promise<unknown>): () => Promise<Metrics[]> {
  const own = async () => metricsOfOne.parse(await read());
  if (!cluster.isWorker) return async () => [await own()];
  let requests = 0;
  const waiting = new Map<number, (processes: Metrics[]) => void>();
  const send = (told: Message) => process.send?.(told);
  process.on('message', (given) => {
    const parsed = message.safeParse(given);
    if (!parsed.success) return;
    const { data } = parsed;
    if (data.modelyard === 'metrics')
      void own().then((metrics) =>
        send({ modelyard: 'own metrics', round: data.round, metrics: [...metrics] }),
      );
    if (data.modelyard === 'all metrics') waiting.get(data.request)?.(data.processes);
  });
  return async () => {
    const request = ++requests;
    const all = await new Promise<Metrics[] | undefined>((resolve) => {
      const timer = setTimeout(resolve, scrapePatienceMs, undefined);
      waiting.set(request, (processes) => {
        clearTimeout(timer);
        resolve(processes);
      });
      send({ modelyard: 'metrics of all', request });
    });
    waiting.delete(request);
    return all ?? [await own()];
  };
}
