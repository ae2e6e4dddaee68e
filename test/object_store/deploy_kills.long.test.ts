import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { type Random, seededRandom } from '../chaos/random.ts';
import type { TestServer } from '../e2e/client.ts';
import { isThere, type Machine, openSite, type Site } from './machines.ts';

/** How many servers are killed, each after a start of its own. */
const kills = Number(process.env.DEPLOY_KILL_ROUNDS ?? 24);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));

const row = { f0: 1, f1: 2, f2: 3 };
const answer = 4.75;

describe.skipIf(!isThere)('kill -9 in the middle of deployments of two machines', () => {
  let site: Site;
  beforeAll(async () => {
    if (isThere) site = await openSite('kills');
  });
  afterAll(() => site?.close());

  it('leaves no version without its artifact, and whatever is left over is litter', async () => {
    onTestFailed(() => {
      process.stderr.write(`Again with the same moments: CHAOS_SEED=${seed}\n`);
    });
    const random: Random = seededRandom(seed);
    const machines: [Machine, Machine] = [site.machine(), site.machine()];
    // Of a server that has just started, as the others.
    const measured = await machines[0].start();
    const begun = performance.now();
    await measured.call('deploy_model', {
      model_id: 'whole',
      version: '1',
      source: machines[0].ownModel('whole'),
    });
    const wholeMs = performance.now() - begun;
    await measured.kill();
    let registered = 0;
    for (let kill = 0; kill < kills; kill++) {
      const [killed, other] = kill % 2 === 0 ? machines : [machines[1], machines[0]];
      const victim = await killed.start();
      // The same bytes as another's, now and then.
      const source = killed.ownModel(`model ${kill - (kill % 3)}`);
      const model_id = `m${kill}`;
      const deploying = victim
        .attempt('deploy_model', { model_id, version: '1', source })
        .catch(() => undefined);
      const bystander = kill % 4 === 0 ? await other.start() : undefined;
      const beside = bystander?.attempt('deploy_model', {
        model_id: `${model_id}b`,
        version: '1',
        source: other.ownModel(`model ${kill - (kill % 3)}`),
      });
      await new Promise((resolve) => setTimeout(resolve, random.integer(0, 1.3 * wholeMs)));
      await victim.kill();
      await deploying;
      if (bystander !== undefined) {
        expect((await beside)?.isError).not.toBe(true);
        await bystander.close();
      }
      const witness = await other.start();
      if (await isRegistered(witness, model_id)) {
        registered++;
        const { status } = await witness.call('deploy_model', { model_id, version: '1', source: undefined });
        expect(status).toBe('ready');
        const { predictions } = await witness.call('predict', { model_id, inputs: [row] });
        expect(predictions[0]?.value).toBe(answer);
      }
      await witness.close();
    }
    expect(registered).toBeGreaterThan(0);
    expect(registered).toBeLessThan(kills);
    const verified = await machines[0].command(['verify']);
    expect(verified.output).toMatch(/^0 problems/m);
    expect(verified.code).toBe(0);
    // A start removes what killed processes left on their way.
    for (const machine of machines) {
      const server = await machine.start();
      expect(readdirSync(join(machine.scratch.path, 'registry', 'incoming'))).toEqual([]);
      await server.close();
    }
  });
});

async function isRegistered(server: TestServer, model_id: string): Promise<boolean> {
  const { isError } = await server.attempt('get_model', { model_id });
  return isError !== true;
}
