import { describe, expect, test } from 'vitest';
import type { Memory } from '../../src/mlflow/agreement.ts';
import { ownTag, planSync, type SyncPlan, versionKey } from '../../src/mlflow/plan_sync.ts';
import type { OurModel, OurVersion } from '../../src/mlflow/registry_state.ts';
import type { ModelVersion, RegisteredModel } from '../../src/mlflow/rest_answers.ts';
import type { Stage } from '../../src/registry/stages.ts';
import { ourVersion } from './our_version.ts';

const storeId = 'store';
const options = { storeId, useStages: true, settled: true };

function version(
  name: string,
  number: number | undefined,
  stage: Stage,
  facts: Partial<OurVersion> = {},
): OurVersion {
  return { ...ourVersion(name, { number, record: { stage } }), ...facts };
}

function model(versions: OurVersion[], facts: Partial<OurModel> = {}): OurModel {
  return {
    modelId: 'm',
    description: null,
    tags: new Map(),
    versions,
    damaged: [],
    aliases: new Map(),
    deleted: [],
    ...facts,
  };
}

/** MLflow as an object that plays the steps of a plan. */
function mlflow(versions: ModelVersion[]) {
  const registered: RegisteredModel = { name: 'm', description: '', tags: new Map(), aliases: new Map() };
  const theirs = { model: registered, versions };
  return {
    theirs,
    play({ steps }: SyncPlan, first = steps.length) {
      for (const step of steps.slice(0, first)) {
        const found = versions.find(
          (one) => 'number' in step && step.kind !== 'alias' && one.version === step.number,
        );
        if (step.kind === 'alias') {
          if (step.number === null) registered.aliases.delete(step.alias);
          else registered.aliases.set(step.alias, step.number);
        } else if (step.kind === 'delete-duplicate')
          versions.splice(versions.indexOf(found ?? theirsOf(0)), 1);
        else if (step.kind === 'stage' && found !== undefined) found.current_stage = step.value;
        else if (step.kind === 'describe') (found ?? registered).description = step.value;
        else if (step.kind === 'tag') {
          const { tags } = found ?? registered;
          if (step.value === null) tags.delete(step.key);
          else tags.set(step.key, step.value);
        }
      }
    },
  };
}

function theirsOf(number: number, tags: Record<string, string> = {}): ModelVersion {
  return {
    name: 'm',
    version: number,
    current_stage: 'None',
    description: '',
    source: '',
    run_id: '',
    status: 'READY',
    tags: new Map(Object.entries(tags)),
  };
}

const none: Memory = new Map();

describe('a plan', () => {
  test('brings MLflow to what the registry says, and is empty then', () => {
    const ours = model(
      [
        version('a', 1, 'archived', { tags: new Map([['team', 'risk']]) }),
        version('b', 2, 'production'),
        version('c', undefined, 'staging'),
      ],
      {
        tags: new Map([['owner', 'ana']]),
        aliases: new Map([
          ['production', 'b'],
          ['best', 'a'],
          ['staging', 'c'],
        ]),
      },
    );
    const server = mlflow([theirsOf(1), theirsOf(2)]);
    const plan = planSync(ours, server.theirs, none, options);
    expect(plan.problems).toEqual([]);
    server.play(plan);
    expect(server.theirs.model.aliases).toEqual(
      new Map([
        ['best', 1],
        ['production', 2],
      ]),
    );
    expect(server.theirs.model.tags.get('owner')).toBe('ana');
    expect(server.theirs.versions.map((one) => one.current_stage)).toEqual(['Archived', 'Production']);
    expect(server.theirs.versions[0]?.tags.get('team')).toBe('risk');
    expect(planSync(ours, server.theirs, plan.after, options).steps).toEqual([]);
  });

  test('takes away what was taken away here, and nothing of anybody else’s', () => {
    const server = mlflow([theirsOf(1, { theirs: 'kept' })]);
    server.theirs.model.aliases.set('champion', 1);
    const before = model([version('a', 1, 'staging', { tags: new Map([['team', 'risk']]) })], {
      aliases: new Map([['staging', 'a']]),
    });
    const first = planSync(before, server.theirs, none, options);
    server.play(first);
    const after = model([version('a', 1, 'archived')]);
    const second = planSync(after, server.theirs, first.after, options);
    server.play(second);
    expect(second.problems).toEqual([]);
    expect(server.theirs.model.aliases).toEqual(new Map([['champion', 1]]));
    const [{ tags } = theirsOf(0)] = server.theirs.versions;
    expect([...tags.keys()].filter((key) => !key.startsWith('modelyard.'))).toEqual(['theirs']);
  });

  test('broken off after any step, goes on from there without a conflict', () => {
    const before = model([version('a', 1, 'production'), version('b', 2, 'staging')], {
      description: 'old',
      aliases: new Map([
        ['production', 'a'],
        ['staging', 'b'],
      ]),
    });
    const between = model([version('a', 1, 'archived'), version('b', 2, 'production')], {
      description: 'new',
      aliases: new Map([['production', 'b']]),
    });
    const after = model([version('a', 1, 'production'), version('b', 2, 'archived')], {
      description: 'newest',
      aliases: new Map([['production', 'a']]),
    });
    const length = 12;
    for (let done = 0; done <= length; done++) {
      const server = mlflow([theirsOf(1), theirsOf(2)]);
      const first = planSync(before, server.theirs, none, options);
      server.play(first);
      const second = planSync(between, server.theirs, first.after, options);
      expect(second.steps.length).toBeLessThanOrEqual(length);
      server.play(second, done);
      // Only what was written before the steps is known; and the registry has changed again.
      const third = planSync(after, server.theirs, second.before, options);
      expect(third.problems, `after ${done}`).toEqual([]);
      server.play(third);
      expect(planSync(after, server.theirs, third.after, options)).toMatchObject({ steps: [], problems: [] });
      expect(server.theirs.model.aliases.get('production')).toBe(1);
    }
  });

  test('removes a version that was sent twice, unless somebody uses it', () => {
    const ours = model([version('a', 1, 'development')]);
    const key = versionKey(storeId, ours.versions[0] ?? version('a', 1, 'development'));
    const server = mlflow([1, 2, 3].map((number) => theirsOf(number, { [ownTag.key]: key })));
    server.theirs.model.aliases.set('theirs', 3);
    const { steps } = planSync(ours, server.theirs, none, options);
    expect(steps.filter(({ kind }) => kind === 'delete-duplicate')).toEqual([
      { kind: 'delete-duplicate', number: 2 },
    ]);
  });

  test('says what MLflow would not take, and sends the rest', () => {
    const ours = model(
      [
        version('a', 1, 'development', {
          tags: new Map([
            ['a=b', 'x'],
            ['c d/e', 'y'],
          ]),
        }),
      ],
      {
        aliases: new Map([
          ['v1', 'a'],
          ['1.0', 'a'],
          ['latest', 'a'],
          ['good', 'a'],
        ]),
      },
    );
    const server = mlflow([theirsOf(1)]);
    const plan = planSync(ours, server.theirs, none, options);
    expect(plan.problems.map(({ what }) => what)).toEqual([
      'm a: tag a=b',
      'm: alias v1',
      'm: alias 1.0',
      'm: alias latest',
    ]);
    server.play(plan);
    expect(server.theirs.model.aliases).toEqual(new Map([['good', 1]]));
    expect(server.theirs.versions[0]?.tags.get('c d/e')).toBe('y');
  });

  test('marks a version that was deleted here', () => {
    const ours = model([], { deleted: [{ version: 'a', number: 1 }] });
    const { steps } = planSync(ours, mlflow([theirsOf(1)]).theirs, none, options);
    expect(steps).toEqual([{ kind: 'tag', number: 1, key: ownTag.stage, value: 'deleted' }]);
  });
});
