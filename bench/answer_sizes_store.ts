import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeDrift } from '../src/monitoring/alerts/rules/data_drift.ts';
import { packageDirectory } from '../src/package_info.ts';
import { openDatabase } from '../src/storage/database.ts';
import { modelName, seedRegistry } from './registry_seed.ts';

/** Calls a tool that must succeed, and gives its structured content. */
export type Call = (tool: string, given: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** The models that answers are measured of: one of five columns, and one of a thousand with as many classes. */
export const measured = { plain: 'plain', wide: 'wide', failing: 'failing' };
const registryModels = 2000;
const width = 1000;
/** Versions of each that are registered, and that serve. */
const versions = { registered: 30, deployed: 8 };
/** Other models that serve. */
const deployedModels = 25;
const wideRows = 60;

/** ONNX, made with onnx.helper: p = Softmax(x), x and p [N, 1000]. */
const softmax =
  'CAgSDm1vZGVseWFyZC10ZXN0OlUKHAoBeBIBcCIHU29mdG1heCoLCgRheGlzGAGgAQISB3NvZnRtYXhaFQoBeBIQCg4IARIKCgMSAU4KAwjoB2IVCgFwEhAKDggBEgoKAxIBTgoDCOgHQgIQEg==';

export const list = <Value>(count: number, value: (index: number) => Value) =>
  Array.from({ length: count }, (_, index) => value(index));
const mapOf = <Value>(count: number, name: string, value: (index: number) => Value) =>
  Object.fromEntries(list(count, (index) => [`${name}_${index}`, value(index)]));

const columns = list(width, (index) => `average_of_the_customer_in_week_${index}`);
const classes = list(width, (index) => `segment of customers ${index}`);
const text = (characters: number) =>
  'What this was trained on, and by whom. '.repeat(characters / 39 + 1).slice(0, characters);

/** What a version may be told with. */
const facts = {
  description: text(3000),
  framework: 'PyTorch',
  algorithm: 'neural network with three layers',
  author: 'the team that looks after customers',
  metrics: mapOf(300, 'f1_of_the_customers_of_segment', (index) => index / 301),
  tags: mapOf(30, 'tag', (index) => `${index} ${text(150)}`),
  hyperparameters: mapOf(150, 'hyperparameter_of_layer', (index) => index / 7),
};

/** Gates of a model, as many as somebody may set. */
const manyGates = {
  production: { min_metrics: mapOf(60, 'f1_of_the_customers_of_segment', () => 0.9) },
};

/** Rows of all columns, moved by as much as is said. */
export const wideRow = (row: number, by = 0) =>
  Object.fromEntries(columns.map((name, column) => [name, by + ((row * 31 + column * 17) % 97) / 97]));
export const plainRow = (row: number, by = 0) => ({
  f0: by + (row % 7) / 7,
  f1: by + (row % 11) / 11,
  f2: by + (row % 13) / 13,
});

const model = (name: string) => join(packageDirectory, 'test', 'models', `${name}.onnx`);

/** Writes what no call is made for: the registry of many models and their alerts, before a server runs on the directory. */
export async function seedStore(registryDirectory: string): Promise<void> {
  const { database, close } = await openDatabase({ directory: registryDirectory, databaseUrl: undefined });
  await seedRegistry(database, { models: registryModels, versions: 2 * registryModels, largestModel: 2 });
  await database.insertInto('alerts').values(alertRows()).execute();
  await close();
}

/** Alerts on drift in all columns, of many models and of each version of the wide one, as they are found. */
function alertRows() {
  const subjects = [
    ...list(50, (index): [string, string] => [modelName(index), '1']),
    ...list(versions.registered, (index): [string, string] => [measured.wide, `${index + 1}`]),
  ];
  const now = Date.now();
  return subjects.map(([modelId, version], index) => {
    const found = judgeDrift(modelId, version, {
      referenceId: `reference-${index}`,
      rows: 5000,
      judged: 2 * width,
      drifted: columns.map((name) => ({ name, severity: 'high' as const, cause: 'values' as const })),
      missing: columns.map((name) => ({ name, severity: 'high' as const, before: 0.01, now: 0.4 })),
      values: 'near',
    }).flatMap((verdict) => (verdict.state === 'firing' ? [verdict] : []));
    return {
      alert_id: `alert-${index}`,
      alert_group: `data ${modelId} ${version}`,
      cause: 'data' as const,
      model_id: modelId,
      version,
      severity: 'critical' as const,
      state: 'open' as const,
      rules: JSON.stringify(found.map(({ rule }) => rule)),
      summary: found.map(({ summary }) => summary).join(' '),
      facts: JSON.stringify(Object.fromEntries(found.map(({ rule, facts }) => [rule, facts]))),
      clean_rounds: 0,
      opened_at: now - index,
      last_firing_at: now - index,
      acknowledged_at: null,
      acknowledged_by: null,
      note: null,
      resolved_at: null,
    };
  });
}

/** Files of rows that a call may name. */
export function writeFiles(directory: string) {
  const write = (name: string, rows: readonly object[]) => {
    const path = join(directory, name);
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  };
  const source = join(directory, 'softmax.onnx');
  writeFileSync(source, Buffer.from(softmax, 'base64'));
  const actual = (row: number) => classes[(row * 7) % width];
  return {
    source,
    wideReference: write(
      'wide_reference.jsonl',
      list(wideRows, (row) => ({ ...wideRow(row), actual: actual(row) })),
    ),
    wideInput: write(
      'wide_input.jsonl',
      list(wideRows, (row) => wideRow(row)),
    ),
    wideMoved: write(
      'wide_moved.jsonl',
      list(wideRows, (row) => wideRow(row, 3)),
    ),
    wrong: write(
      'wrong.jsonl',
      list(20, (row) => mapOf(width, 'a_column_of_another_model', () => row)),
    ),
    plain: write(
      'plain.jsonl',
      list(wideRows, (row) => plainRow(row)),
    ),
  };
}
export type Files = ReturnType<typeof writeFiles>;

/** Versions, deployments, traffic, references, predictions and outcomes, as calls make them. */
export async function fillStore(call: Call, files: Files): Promise<void> {
  const linear = model('linear_float32');
  const named = { feature_names: Object.keys(plainRow(0)) };
  for (let index = 0; index < deployedModels; index++)
    await call('deploy_model', { model_id: modelName(index), version: 'live', source: linear, ...named });
  await call('deploy_model', {
    model_id: measured.failing,
    version: '1',
    source: model('slow_run'),
    class_labels: ['no', 'yes'],
  });
  const ways = {
    [measured.plain]: { source: linear, ...named },
    [measured.wide]: { source: files.source, feature_names: columns, class_labels: classes, ...facts },
  };
  for (const [model_id, way] of Object.entries(ways)) {
    for (const version of list(versions.registered, (index) => `${index + 1}`))
      await call(Number(version) <= versions.deployed ? 'deploy_model' : 'register_model', {
        model_id,
        version,
        ...way,
        ...(version !== '1' && { parent_version: `${Number(version) - 1}` }),
        ...(Number(version) <= versions.deployed && { set_active: version === '1' }),
      });
    await call('update_model', {
      model_id,
      description: facts.description,
      ...(model_id === measured.wide && {
        tags: facts.tags,
        gates: manyGates,
        aliases: mapOf(40, 'alias_of_a_team', (index) => `${(index % versions.registered) + 1}`),
      }),
    });
    await call('promote_model', { model_id, version: '30', target_stage: 'archived', reason: 'too old' });
    for (const target_stage of ['staging', 'production'])
      await call('promote_model', {
        model_id,
        version: '1',
        target_stage,
        force: true,
        reason: text(2000),
      });
    await call('set_traffic', {
      model_id,
      weights: Object.fromEntries(list(5, (index) => [`${index + 1}`, 0.2])),
      shadow_version: '6',
    });
    await predictAndTell(call, model_id);
  }
  await call('set_reference_data', { model_id: measured.plain, path: files.plain });
  await call('set_reference_data', {
    model_id: measured.wide,
    path: files.wideReference,
    outcome_column: 'actual',
  });
}

/** Predictions by several versions, of rows unlike the reference, and what became of them. */
async function predictAndTell(call: Call, model_id: string): Promise<void> {
  const rowOf = model_id === measured.wide ? wideRow : plainRow;
  for (let round = 0; round < 10; round++) {
    const prediction_ids = list(30, (row) => `${model_id}-${round}-${row}`);
    await call('predict', {
      model_id,
      inputs: prediction_ids.map((_, row) => rowOf(30 * round + row, 2)),
      prediction_ids,
      entity_key: `customer ${round}`,
    });
    await call('record_outcomes', {
      model_id,
      outcomes: prediction_ids.map((prediction_id, row) => ({
        prediction_id,
        actual: model_id === measured.wide ? classes[(30 * round + row) % width] : row,
      })),
    });
  }
}
