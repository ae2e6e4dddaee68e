import type { Insertable } from 'kysely';
import { searchText } from '../src/registry/search_text.ts';
import type { Signature } from '../src/registry/signature.ts';
import type { Database } from '../src/storage/database.ts';
import type { Tables } from '../src/storage/schema.ts';

/** How large a registry is measured. */
export const seeded = { models: 2000, versions: 100_000, largestModel: 10_000 };

const frameworks = ['scikit-learn', 'PyTorch', 'XGBoost', 'LightGBM', 'TensorFlow', 'CatBoost'];
const algorithms = ['logistic regression', 'gradient boosting', 'random forest', 'neural network', 'ridge'];
const teams = ['risk', 'growth', 'search', 'ads', 'fraud', 'pricing', 'logistics', 'support'];
const topics = ['churn', 'demand', 'fraud', 'price', 'click', 'return', 'delay', 'credit', 'upsell', 'route'];
const firstAt = Date.UTC(2025, 0, 1);

/** The name of a model by its number; number 0 has `largestModel` versions. */
export function modelName(model: number): string {
  return `${topics[model % topics.length]}-${teams[model % teams.length]}-${model}`;
}

/** A repeatable stream of numbers in [0, 1): mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Writes a registry, of 100 000 versions unless said otherwise, as registration and promotion would have left it: signatures of 5 to 50
 * features, three metrics and three tags each, an alias and a line of descent a model.
 */
export async function seedRegistry(database: Database, size = seeded): Promise<void> {
  const random = randomNumbers(1);
  const pick = (items: readonly string[]) => items[Math.floor(random() * items.length)] ?? '';
  const rest = (size.versions - size.largestModel) / (size.models - 1);
  let made = 0;
  for (let model = 0; model < size.models; model++) {
    const modelId = modelName(model);
    const until = model === 0 ? size.largestModel : Math.round(size.largestModel + model * rest);
    const [framework, algorithm, team] = [pick(frameworks), pick(algorithms), pick(teams)];
    const features = 5 + Math.floor(random() * 46);
    const rows: Rows = { versions: [], metrics: [], tags: [], parents: [], transitions: [] };
    const last = until - made;
    for (let number = 1; made < until; number++, made++) {
      const stage =
        number === last ? 'production' : number > last - 3 ? 'staging' : pick(['development', 'archived']);
      const described = {
        author: `${pick(['ana', 'bo', 'chen', 'dee', 'emil'])}@example.org`,
        framework,
        algorithm,
        description: `Trained on ${topics[made % topics.length]} data of week ${made % 53}, ${features} features, run ${made}`,
      };
      const tags = { team, week: String(made % 53), cost_center: `cc-${model % 40}` };
      addVersion(rows, { modelId, version: String(number), number: made + 1 }, stage, described, tags, {
        at: firstAt + made * 60_000,
        features,
        quality: random(),
      });
    }
    await insertRows(database, modelId, rows);
  }
}

interface Rows {
  versions: Insertable<Tables['versions']>[];
  metrics: Insertable<Tables['version_metrics']>[];
  tags: Insertable<Tables['version_tags']>[];
  parents: Insertable<Tables['version_parents']>[];
  transitions: Insertable<Tables['stage_transitions']>[];
}

function addVersion(
  rows: Rows,
  { modelId, version, number }: { modelId: string; version: string; number: number },
  stage: string,
  described: Record<'author' | 'framework' | 'algorithm' | 'description', string>,
  tags: Record<string, string>,
  { at, features, quality }: { at: number; features: number; quality: number },
): void {
  const key = { model_id: modelId, version };
  const moved = stage !== 'development';
  if (moved)
    rows.transitions.push({
      ...key,
      transition_id: `${modelId}-${version}`,
      sequence: 1,
      kind: 'promotion',
      forced: 0,
      from_stage: 'development',
      to_stage: stage,
      revision: 1,
      at: at + 1000,
      by: 'operator',
      reason: 'weekly run',
    });
  rows.versions.push({
    ...key,
    number,
    ...described,
    stage,
    created_at: at,
    created_by: 'operator',
    source: `/data/models/${modelId}/${version}.onnx`,
    artifact_sha256: version.padStart(64, '0'),
    artifact_bytes: 100_000 + features * 1000,
    signature: JSON.stringify(signatureOf(features)),
    class_labels: JSON.stringify(['no', 'yes']),
    hyperparameters: JSON.stringify({ learning_rate: 0.1, max_depth: 6, n_estimators: 200, seed: 7 }),
    warnings: '[]',
    producer: 'skl2onnx 1.18.0',
    opsets: '{"":15,"ai.onnx.ml":3}',
    search_text: searchText({ modelId, version, tags, ...described }),
    transitions: moved ? 1 : 0,
  });
  const metrics = { accuracy: 0.5 + quality / 2, auc: 0.6 + quality / 3, log_loss: 1 - quality / 2 };
  for (const [name, value] of Object.entries(metrics)) rows.metrics.push({ number, name, value });
  for (const [name, value] of Object.entries(tags)) rows.tags.push({ number, name, value });
  if (version !== '1')
    rows.parents.push({ ...key, parent_model_id: modelId, parent_version: String(Number(version) - 1) });
}

function signatureOf(features: number): Signature {
  const names = Array.from({ length: features }, (_, index) => `customer_feature_${index}`);
  return {
    inputs: [{ name: 'float_input', datatype: 'FP32', shape: [-1, features] }],
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [-1], role: 'label', classes: [0, 1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
    ],
    features: names.map((name, column) => ({ name, datatype: 'FP32', input: 'float_input', column })),
  };
}

async function insertRows(database: Database, modelId: string, rows: Rows): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('models')
      .values({ model_id: modelId, created_at: firstAt, revision: 1 })
      .execute();
    for (const part of parts(rows.transitions))
      await transaction.insertInto('stage_transitions').values(part).execute();
    for (const part of parts(rows.versions)) await transaction.insertInto('versions').values(part).execute();
    for (const part of parts(rows.metrics))
      await transaction.insertInto('version_metrics').values(part).execute();
    for (const part of parts(rows.tags)) await transaction.insertInto('version_tags').values(part).execute();
    for (const part of parts(rows.parents))
      await transaction.insertInto('version_parents').values(part).execute();
    await transaction
      .insertInto('aliases')
      .values({
        model_id: modelId,
        alias: 'champion',
        version: '1',
        changed_at: firstAt,
        changed_by: 'operator',
      })
      .execute();
  });
}

/** In parts: a statement takes only so many parameters. */
function parts<Row>(rows: readonly Row[]): Row[][] {
  const size = 500;
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, index) =>
    rows.slice(index * size, (index + 1) * size),
  );
}
