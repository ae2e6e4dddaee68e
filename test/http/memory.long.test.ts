import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startServer } from '../e2e/client.ts';
import { nbaFile, scratchDirectory } from '../e2e/environment.ts';
import { facts } from '../e2e/nba.ts';
import { startHttpServer } from './http_server.ts';
import { startLoad } from './load.ts';

const calls = 200_000;

/** Resident memory of a process, MB. */
function residentMb(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1000;
}

test.runIf(process.platform === 'linux')(
  'two hundred thousand calls leave the memory as it is',
  async () => {
    const scratch = scratchDirectory();
    const agent = await startServer({ directory: scratch.path });
    await agent.call('deploy_model', {
      model_id: 'nba',
      version: '1',
      source: nbaFile('home_win_v2.onnx'),
      feature_names: facts.feature_names,
      class_labels: facts.class_labels,
    });
    await agent.close();
    const server = await startHttpServer({ directory: scratch.path });
    try {
      const load = startLoad(server.port, 16, calls);
      /** Of each tenth of the calls the least that was seen: what is kept, and not what waits to be collected. */
      const least: number[] = [];
      const timer = setInterval(() => {
        const tenth = Math.floor((load.answered.length / calls) * 10);
        const seen = residentMb(server.process.pid ?? 0);
        least[tenth] = Math.min(least[tenth] ?? Number.POSITIVE_INFINITY, seen);
      }, 200);
      await load.done;
      clearInterval(timer);
      expect([load.answered.length, load.broken, load.refused]).toEqual([calls, 0, []]);
      process.stderr.write(`resident memory by tenths, MB: ${least.map((mb) => Math.round(mb)).join(' ')}\n`);
      const [early, late] = [Math.min(...least.slice(2, 5)), Math.min(...least.slice(7, 10))];
      expect(late - early).toBeLessThan(40);
    } finally {
      await server.close();
      scratch.remove();
    }
  },
  900_000,
);
