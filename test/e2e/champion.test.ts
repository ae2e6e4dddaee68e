import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';

describe('the champion and its challengers, by what callers were answered', { timeout: 240_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.close());

  /** Answers x, and so do all versions of `good`; the rest answers something else. */
  async function deploy(modelId: string, versions: number, good: readonly string[]): Promise<void> {
    for (let number = 1; number <= versions; number++) {
      const version = String(number);
      const source = testModel(good.includes(version) ? 'slow_run' : 'memory_balloon');
      await server.call('deploy_model', { model_id: modelId, version, source, set_active: number === 1 });
    }
  }
  /** Calls whose outcome is what `slow_run` answers, but for noise. */
  async function call(modelId: string, calls: number): Promise<void> {
    const one = async (index: number) => {
      const x = 2 + ((index * 7) % 100) / 10;
      const { predictions } = await server.call('predict', { model_id: modelId, inputs: [{ x }] });
      const actual = 1.2 * x + (index % 5) / 10;
      const outcomes = [{ prediction_id: predictions[0]?.prediction_id, actual }];
      await server.call('record_outcomes', { model_id: modelId, outcomes });
    };
    for (let index = 0; index < calls; index += 20)
      await Promise.all(Array.from({ length: 20 }, (_, more) => one(index + more)));
  }
  const compare = async (modelId: string) => {
    const { comparison } = await server.call('get_performance', { model_id: modelId, by_version: true });
    if (comparison === undefined) throw new Error('nothing was compared');
    return comparison;
  };

  test('a shadow beside one version stands in the table with it, paired, and wins where it is better', async () => {
    await deploy('shadowed', 2, ['2']);
    await server.call('set_traffic', { model_id: 'shadowed', weights: { 1: 1 }, shadow_version: '2' });
    await call('shadowed', 300);
    const comparison = await compare('shadowed');
    expect(comparison.arms).toMatchObject([
      { version: '1', weight: 1, calls: 300 },
      { version: '2', weight: 0, shadow: true },
    ]);
    const [own, shadow] = comparison.arms.map(({ value }) => value);
    expect(own ?? 0).toBeGreaterThan(shadow ?? 0);
    const [verdict, ...rest] = comparison.verdicts;
    expect(rest).toEqual([]);
    expect(verdict).toMatchObject({ metric: 'mae', a: '1', b: '2', verdict: 'b_better', paired: true });
    const [low, high] = verdict?.interval ?? [];
    expect(low).toBeLessThan(verdict?.difference ?? 0);
    expect(high).toBeGreaterThan(verdict?.difference ?? 0);
    expect(comparison.winner).toBe('2');
  });

  test('several challengers at once, one of them a shadow: a winner is named only where one is', async () => {
    await deploy('several', 4, ['2', '4']);
    const weights = { 1: 0.4, 2: 0.3, 3: 0.3 };
    await server.call('set_traffic', { model_id: 'several', weights, shadow_version: '4' });
    await call('several', 800);
    const comparison = await compare('several');
    expect(comparison.arms.map(({ version }) => version).sort()).toEqual(['1', '2', '3', '4']);
    const verdictOf = (version: string) =>
      comparison.verdicts.find(({ metric, b }) => metric === 'mae' && b === version)?.verdict;
    expect(['2', '3', '4'].map(verdictOf)).toEqual(['b_better', 'no_difference_yet', 'b_better']);
    expect(comparison.winner).toBeNull();
    expect(comparison.notes.join(' ')).toContain('Better than 1: 2, 4. But none is surely better');
  });

  test('ten versions fit into 2 000 tokens', async () => {
    await deploy('many', 10, ['2']);
    const weights = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [index + 1, 1 / 9]));
    await server.call('set_traffic', { model_id: 'many', weights, shadow_version: '10' });
    await call('many', 400);
    const answer = await server.call('get_performance', { model_id: 'many', by_version: true });
    expect(answer.versions).toHaveLength(10);
    expect(answer.comparison?.verdicts).toHaveLength(9);
    expect(JSON.stringify(answer).length / 4).toBeLessThanOrEqual(2000);
  });
});
