import { type Kysely, sql } from 'kysely';
import { messageOf } from '../errors.ts';
import { rowsOf } from '../prediction_log/column.ts';
import { readSegment } from '../prediction_log/segment_store.ts';
import type { PredictionSegmentRow, Tables } from '../storage/schema.ts';
import { fromBackup, note, problem, type Report } from './finding.ts';

/**
 * Every segment of the prediction log has its parts, and each part can be unpacked and has a value for every row.
 * @returns how many predictions there are in segments
 */
export async function checkPredictionLog(
  snapshot: Kysely<Tables>,
  report: Report,
  progress: (predictions: number) => void,
): Promise<number> {
  let predictions = 0;
  for (let last = ''; ; ) {
    const page = await snapshot
      .selectFrom('prediction_segments')
      .selectAll()
      .where('segment_id', '>', last)
      .orderBy('segment_id')
      .limit(500)
      .execute();
    if (page.length === 0) break;
    for (const row of page) {
      const fault = await segmentFault(snapshot, row);
      if (fault !== undefined)
        report(
          problem(
            `${row.rows} logged predictions of ${row.model_id} ${row.version} from ${new Date(row.min_at).toISOString()} on cannot be read: ${fault}`,
            fromBackup,
          ),
        );
      predictions += row.rows;
      last = row.segment_id;
    }
    progress(predictions);
  }
  const { rows: orphans } = await sql<{ count: number }>`
    select count(*) as count from prediction_segment_parts as part
    where not exists (
      select 1 from prediction_segments where segment_id = part.segment_id
    )`.execute(snapshot);
  const count = orphans[0]?.count ?? 0;
  if (count > 0)
    report(note(`${count} parts of the prediction log belong to no segment`, 'They only take up space.'));
  return predictions;
}

async function segmentFault(
  snapshot: Kysely<Tables>,
  row: PredictionSegmentRow,
): Promise<string | undefined> {
  try {
    const segment = await readSegment(snapshot, row);
    if (segment === undefined) return 'a part is missing';
    const columns = [...segment.answers.values(), ...segment.features.values()];
    if (segment.outcomes !== undefined) columns.push(segment.outcomes);
    const short = columns.find((column) => rowsOf(column) !== row.rows);
    return short === undefined ? undefined : `a column has ${rowsOf(short)} values for ${row.rows} rows`;
  } catch (error) {
    return `it is damaged (${messageOf(error).slice(0, 200)})`;
  }
}
