import { valueAt } from '../../src/prediction_log/column.ts';
import { answerOf, cellOf, probabilitiesOf } from '../../src/prediction_log/segment.ts';
import { readSegment } from '../../src/prediction_log/segment_store.ts';
import type { Database } from '../../src/storage/database.ts';

/** Every logged row of a model, in the order of prediction ids. */
export async function loggedRows(database: Database, modelId: string) {
  const segments = await database
    .selectFrom('prediction_segments')
    .selectAll()
    .where('model_id', '=', modelId)
    .execute();
  const rows = [];
  for (const listed of segments) {
    const segment = await readSegment(database, listed);
    if (segment === undefined) throw new Error(`segment ${listed.segment_id} has no parts`);
    const { answers, features, outcomes } = segment;
    for (let row = 0; row < segment.rows; row++) {
      const cell = (name: string) => cellOf(answers, name, row);
      const layout = cell('layout');
      rows.push({
        prediction_id: String(cell('id')),
        model_id: segment.modelId,
        version: segment.version,
        at: cell('at'),
        route: cell('route'),
        entity_key: cell('entity_key'),
        latency_ms: cell('latency_ms'),
        features: Array.isArray(layout) ? layout.map((name) => [name, cellOf(features, name, row)]) : null,
        value: answerOf(answers, row),
        probabilities: probabilitiesOf(answers, row),
        error_code: cell('error_code'),
        error_message: cell('error_message'),
        actual: outcomes === undefined ? null : valueAt(outcomes, row),
      });
    }
  }
  return rows.sort((a, b) => (a.prediction_id < b.prediction_id ? -1 : 1));
}
