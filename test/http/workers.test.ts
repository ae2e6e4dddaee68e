import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startServer, type TestServer } from '../e2e/client.ts';
import { nbaFile, type Scratch, scratchDirectory } from '../e2e/environment.ts';
import { facts } from '../e2e/nba.ts';
import { childrenOf, untilGone } from '../e2e/processes.ts';
import { until } from '../e2e/until.ts';
import { startHttpServer, type TestHttpServer } from './http_server.ts';
import { startLoad } from './load.ts';

/** For a machine that has much else to do, milliseconds. */
const patienceMs = 60_000;

let scratch: Scratch;
let agent: TestServer;
let server: TestHttpServer | undefined;
beforeEach(async () => {
  scratch = scratchDirectory();
  agent = await startServer({ directory: scratch.path });
  await agent.call('deploy_model', {
    model_id: 'nba',
    version: '1',
    source: nbaFile('home_win_v2.onnx'),
    feature_names: facts.feature_names,
    class_labels: facts.class_labels,
  });
});
afterEach(async () => {
  await server?.close();
  await agent.close();
  scratch.remove();
});

/** Ids of predictions that the log does not have. */
async function missing(ids: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (let start = 0; start < ids.length; start += 5000) {
    const outcomes = ids
      .slice(start, start + 5000)
      .map((prediction_id) => ({ prediction_id, actual: 'home_win' }));
    const { unknown, matched } = await agent.call('record_outcomes', { model_id: 'nba', outcomes });
    found.push(...unknown);
    expect(matched).toBe(outcomes.length);
  }
  return found;
}

test('a worker that is killed under load takes calls with it, but no answer that was given; another one takes its place', async () => {
  server = await startHttpServer({ directory: scratch.path, flags: ['--workers', '2'] });
  const primary = server.process.pid ?? 0;
  const load = startLoad(server.port, 8);
  for (let round = 0; round < 2; round += 1) {
    const [victim = 0, ...others] = await until(
      'two workers',
      () => {
        const workers = childrenOf(primary);
        return workers.length === 2 && workers;
      },
      patienceMs,
    );
    const before = load.answered.length;
    await until('calls are answered', () => load.answered.length > before + 50, patienceMs);
    process.kill(victim, 'SIGKILL');
    await untilGone([victim]);
    const after = load.answered.length;
    await until('calls are answered meanwhile', () => load.answered.length > after + 50, patienceMs);
    expect(childrenOf(primary)).toEqual(expect.arrayContaining(others));
  }
  await until('two workers again', () => childrenOf(primary).length === 2, patienceMs);
  // The port is that of those before, also where any was wanted.
  expect(server.standardError()).not.toContain('cannot be listened on');
  await load.stop();
  expect(load.broken).toBeGreaterThan(0);
  expect(load.refused).toEqual([]);
  expect(await missing(load.answered)).toEqual([]);
}, 180_000);

test.each([['1'], ['2']])(
  'a server of %s that is told to end says so first, and ends when nothing is under way',
  async (workers) => {
    const serving = await startHttpServer({
      directory: scratch.path,
      flags: ['--workers', workers, '--drain-seconds', '600'],
    });
    server = serving;
    const load = startLoad(serving.port, 8);
    await until('calls are answered', () => load.answered.length > 50, patienceMs);
    serving.process.kill('SIGTERM');
    const statusOf = async (path: string) => (await fetch(`${serving.url}${path}`)).status;
    await until('it is not ready', async () => (await statusOf('/v2/health/ready')) === 503, patienceMs);
    const since = load.answered.length;
    await until('calls are still answered', () => load.answered.length > since + 50, patienceMs);
    expect(await statusOf('/v2/health/live')).toBe(200);
    await load.stop();
    expect(await serving.ended).toBe(0);
    expect([load.broken, load.refused]).toEqual([0, []]);
    expect(await missing(load.answered)).toEqual([]);
  },
);

test('a server that does not wait for an end of the load loses no answer of it', async () => {
  const serving = await startHttpServer({
    directory: scratch.path,
    flags: ['--workers', '2', '--drain-seconds', '0'],
  });
  server = serving;
  const load = startLoad(serving.port, 8);
  await until('calls are answered', () => load.answered.length > 50, patienceMs);
  serving.process.kill('SIGTERM');
  expect(await serving.ended).toBe(0);
  await load.stop();
  expect(load.refused).toEqual([]);
  expect(await missing(load.answered)).toEqual([]);
});

test('who was refused before all of a body had come in, and stays, does not hold up the end', async () => {
  const serving = await startHttpServer({ directory: scratch.path });
  server = serving;
  const socket = connect(serving.port, '127.0.0.1').on('error', () => undefined);
  socket.write('POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 404 /);
  serving.process.kill('SIGTERM');
  // Calls under way have 35 s to end.
  expect(await serving.ended).toBe(0);
  socket.destroy();
}, 25_000);

test('a server that cannot begin says why once, and ends with the code that says so', async () => {
  server = await startHttpServer({ directory: scratch.path });
  const second = startHttpServer({
    directory: scratch.path,
    flags: ['--workers', '2', '--port', String(server.port)],
  });
  await expect(second).rejects.toThrow(/EADDRINUSE|in use/);
});

test('a server that is told to end while a worker has only begun to start ends', async () => {
  const serving = await startHttpServer({
    directory: scratch.path,
    flags: ['--workers', '2', '--drain-seconds', '1'],
  });
  server = serving;
  const primary = serving.process.pid ?? 0;
  const [victim = 0] = childrenOf(primary);
  process.kill(victim, 'SIGKILL');
  await until(
    'another one is started',
    () => childrenOf(primary).length === 2 && !childrenOf(primary).includes(victim),
    patienceMs,
  );
  serving.process.kill('SIGTERM');
  expect(await serving.ended).toBe(0);
}, 120_000);
