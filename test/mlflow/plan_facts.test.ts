import { describe, expect, test } from 'vitest';
import type { Memory } from '../../src/mlflow/agreement.ts';
import { type FactsPlan, factsCell, factsMark, planFacts } from '../../src/mlflow/plan_facts.ts';
import type { ModelVersion, Run } from '../../src/mlflow/rest_answers.ts';
import { ourVersion } from './our_version.ts';

const createdAt = 1000;

/** What MLflow has of a version, which plays the steps of a plan. */
function mlflow(metrics: Record<string, number>, params: Record<string, string>, sentAt = createdAt) {
  const other: ModelVersion = {
    name: 'm',
    version: 7,
    current_stage: 'None',
    description: '',
    source: '',
    run_id: 'r',
    status: 'READY',
    tags: new Map(),
  };
  const run: Run = {
    info: { run_id: 'r', experiment_id: '1', artifact_uri: '', status: 'FINISHED' },
    data: {
      metrics: new Map(
        Object.entries(metrics).map(([key, value]) => [key, { key, value, step: 0, timestamp: sentAt }]),
      ),
      params: new Map(Object.entries(params)),
      tags: new Map(),
    },
    outputs: { model_outputs: [] },
  };
  return {
    other,
    run,
    play({ steps }: FactsPlan) {
      for (const step of steps) {
        if (step.kind === 'tag') {
          if (step.value === null) other.tags.delete(step.key);
          else other.tags.set(step.key, step.value);
        }
        if (step.kind !== 'facts') continue;
        for (const [name, value] of step.batch.params ?? []) {
          if ((run.data.params.get(name) ?? value) !== value) throw new Error('a parameter never changes');
          run.data.params.set(name, value);
        }
        for (const point of step.batch.metrics ?? []) {
          const last = run.data.metrics.get(point.key);
          if (last !== undefined && last.step > point.step) throw new Error('it would not be the last');
          run.data.metrics.set(point.key, point);
        }
      }
    },
    says: () => ({
      metrics: Object.fromEntries([...run.data.metrics.values()].map(({ key, value }) => [key, value])),
      params: Object.fromEntries(run.data.params),
      tags: Object.fromEntries(other.tags),
    }),
  };
}

const ours = (
  metrics: Record<string, number>,
  hyperparameters: Record<string, unknown> | null = null,
  updatedAt: number | null = null,
) =>
  ourVersion('1', {
    number: 7,
    record: { createdAt, hyperparameters, updatedAt },
    metrics: new Map(Object.entries(metrics)),
  });
const options = { isOwnRun: true, settled: true };
const memoryOf = (memory: Memory, cells: FactsPlan['after']): Memory => new Map([...memory, ...cells]);

describe('facts of a version that was sent', () => {
  test('are as they were sent: nothing to do, and known as such', () => {
    const there = mlflow({ mae: 0.5 }, { alpha: '1' });
    const own = ours({ mae: 0.5 }, { alpha: 1 });
    const plan = planFacts(own, there.other, there.run, new Map(), options);
    expect(plan.steps).toEqual([]);
    expect(plan.after).toEqual([[factsCell(7), { agreed: factsMark(own), sent: [] }]]);
  });

  test('that change follow: metrics as the last point, parameters where they can', () => {
    const there = mlflow({ mae: 0.5, gone: 1 }, { alpha: '1', same: 'x' });
    const own = ours({ mae: 0.25, added: 3 }, { alpha: 2, same: 'x', more: [1] }, 2000);
    const plan = planFacts(own, there.other, there.run, new Map(), options);
    there.play(plan);
    expect(there.says()).toEqual({
      metrics: { mae: 0.25, added: 3, gone: Number.NaN },
      params: { alpha: '1', same: 'x', more: '[1]' },
      tags: { 'modelyard.hyperparameters': '{"alpha":2,"same":"x","more":[1]}' },
    });
    expect(there.run.data.metrics.get('mae')).toMatchObject({ step: 1, timestamp: 2000 });
    const again = planFacts(own, there.other, there.run, memoryOf(new Map(), plan.after), options);
    expect(again).toMatchObject({ steps: [], problems: [] });

    // And back: the tag has nothing to say any more.
    const back = ours({ mae: 0.5, gone: 1 }, { alpha: 1, same: 'x', more: [1] }, 3000);
    const memory = memoryOf(new Map(), plan.after);
    const next = planFacts(back, there.other, there.run, memory, options);
    there.play(next);
    expect(there.says()).toMatchObject({ metrics: { mae: 0.5, gone: 1, added: Number.NaN }, tags: {} });
  });

  test('converge from an interruption between any two steps', () => {
    const own = ours({ mae: 0.25 }, { alpha: 2 }, 2000);
    for (const steps of [0, 1, 2]) {
      const there = mlflow({ mae: 0.5 }, { alpha: '1' });
      const plan = planFacts(own, there.other, there.run, new Map(), options);
      there.play({ ...plan, steps: plan.steps.slice(0, steps) });
      const memory = memoryOf(new Map(), plan.before);
      const next = planFacts(own, there.other, there.run, memory, options);
      expect(next.problems).toEqual([]);
      there.play(next);
      expect(there.says()).toMatchObject({
        metrics: { mae: 0.25 },
        tags: { 'modelyard.hyperparameters': '{"alpha":2}' },
      });
    }
  });

  test('that somebody logged in the run meanwhile are reported and left', () => {
    const there = mlflow({ mae: 0.5 }, {});
    there.run.data.metrics.set('mae', { key: 'mae', value: 0.9, step: 1, timestamp: 1500 });
    const own = ours({ mae: 0.25 }, null, 2000);
    const plan = planFacts(own, there.other, there.run, new Map(), options);
    expect(plan).toMatchObject({
      steps: [],
      problems: [{ what: 'm 1: metric mae', why: expect.stringMatching(/"0.9".*"0.25"/) }],
      // So it is looked at again next time.
      after: [],
    });
  });

  test('with names that MLflow does not take are in a tag', () => {
    const there = mlflow({}, {});
    const own = ours({ 'f1@5': 1 }, { 'a b*': 1 });
    there.play(planFacts(own, there.other, there.run, new Map(), options));
    expect(there.says()).toEqual({
      metrics: {},
      params: {},
      tags: { 'modelyard.metrics': '{"f1@5":1}', 'modelyard.hyperparameters': '{"a b*":1}' },
    });
  });

  test('that are too long for a tag are reported', () => {
    const there = mlflow({}, {});
    const own = ours({}, { text: 'x'.repeat(6000) });
    const { problems } = planFacts(own, there.other, there.run, new Map(), options);
    expect(problems).toEqual([{ what: 'm 1: modelyard.hyperparameters', why: expect.any(String) }]);
  });
});

describe('facts of a version whose run is somebody’s', () => {
  test('are not written into it: a tag says what it does not', () => {
    const there = mlflow({ r2: 0.5 }, { alpha: '0.25' });
    const theirs = { ...options, isOwnRun: false };
    const same = planFacts(ours({ r2: 0.5 }, { alpha: '0.25' }), there.other, there.run, new Map(), theirs);
    expect(same.steps).toEqual([]);
    const own = ours({ r2: 0.75 }, { alpha: '0.25' });
    there.play(planFacts(own, there.other, there.run, new Map(), theirs));
    expect(there.says()).toEqual({
      metrics: { r2: 0.5 },
      params: { alpha: '0.25' },
      tags: { 'modelyard.metrics': '{"r2":0.75}' },
    });
  });

  test('are in tags where there is no run', () => {
    const there = mlflow({}, {});
    const plan = planFacts(ours({ r2: 1 }, { a: 1 }), there.other, undefined, new Map(), options);
    there.play(plan);
    expect(there.says().tags).toEqual({
      'modelyard.metrics': '{"r2":1}',
      'modelyard.hyperparameters': '{"a":1}',
    });
    expect(planFacts(ours({}), there.other, undefined, new Map(), options).steps).toHaveLength(2);
  });
});
