/**
 * What a prediction over HTTP costs, beside other servers with the same model on the same machine in the same run: FastAPI,
 * MLServer, `mlflow models serve` and Ray Serve with onnxruntime, which it installs from PyPI, and a bare node:http server.
 * Each by the protocol that it speaks, ModelYard by all three, with its log on; 1, 16 and 64 connections, 1 and 100 rows;
 * one process each, then two workers each (Linux; wrk makes the load).
 * `npm run build && node dist/bench/http.js [seconds a measurement] [folder for the peers' virtual environments]`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contestant, contestants } from './http_peers/contestants.ts';
import { forms } from './http_peers/forms.ts';
import { type Load, measure, requireWrk } from './http_peers/load.ts';
import { ask, startServer } from './http_peers/running_server.ts';

const [seconds = '4', environments = join(tmpdir(), 'modelyard-bench-peers'), only = ''] =
  process.argv.slice(2);
/** Until the compiler has done with what a call runs, seconds. */
const warmUp = 2;

interface Cell {
  workers: number;
  rows: number;
  connections: number;
}
const cells: readonly Cell[] = [
  ...[1, 100].flatMap((rows) => [1, 16, 64].map((connections) => ({ workers: 1, rows, connections }))),
  { workers: 2, rows: 1, connections: 16 },
  { workers: 2, rows: 1, connections: 64 },
  { workers: 2, rows: 100, connections: 16 },
];

const version = requireWrk();
const scratch = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
const measured = new Map<Cell, Map<Contestant, Load>>(cells.map((cell) => [cell, new Map()]));
try {
  const everybody = (await contestants(environments, scratch)).filter(({ name }) => name.includes(only));
  const first = everybody[0];
  const expected = new Map<number, number[]>();
  for (const workers of [1, 2])
    for (const contestant of everybody) {
      process.stderr.write(`${contestant.name}, ${workers} ${workers === 1 ? 'process' : 'workers'}\n`);
      const server = await startServer(contestant, workers);
      try {
        for (const rows of [1, 100]) {
          const answer = await ask(server.url, contestant, rows);
          if (contestant === first && workers === 1) expected.set(rows, answer);
          requireSame(contestant.name, answer, expected.get(rows) ?? []);
        }
        for (const cell of cells.filter((candidate) => candidate.workers === workers)) {
          const body = join(scratch, `${contestant.form}-${cell.rows}.json`);
          writeFileSync(body, forms[contestant.form].body(cell.rows));
          await measure(server, body, cell.connections, warmUp);
          measured.get(cell)?.set(contestant, await measure(server, body, cell.connections, Number(seconds)));
        }
      } finally {
        await server.stop();
      }
    }
  print();
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}

/** Everybody must do the same work. */
function requireSame(name: string, given: readonly number[], wanted: readonly number[]): void {
  const isSame =
    given.length === wanted.length &&
    given.every((value, row) => Math.abs(value - (wanted[row] ?? Number.NaN)) < 1e-5);
  if (!isSame) throw new Error(`${name} answers ${given.slice(0, 3)} instead of ${wanted.slice(0, 3)}`);
}

function print(): void {
  console.log(`${version}; Node ${process.version}; ${seconds} s a measurement\n`);
  console.log(
    '| workers | rows | connections | server | calls/s | ModelYard × it | p50 ms | p99 ms | µs a call |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const [{ workers, rows, connections }, loads] of measured)
    for (const [{ name, form }, load] of loads) {
      const ours = [...loads].find(
        ([other]) => other.form === form && other.name.startsWith('ModelYard'),
      )?.[1];
      const ratio = ours === undefined ? '' : (ours.throughput / load.throughput).toFixed(2);
      console.log(
        `| ${[workers, rows, connections, name, load.throughput.toFixed(0), ratio, load.p50.toFixed(2), load.p99.toFixed(2), load.processor.toFixed(0)].join(' | ')} |`,
      );
    }
}
