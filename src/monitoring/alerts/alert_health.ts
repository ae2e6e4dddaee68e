import type { Database } from '../../storage/database.ts';
import { alertSeverities } from './alert.ts';

export interface AlertHealth {
  status: 'healthy' | 'degraded';
  detail: string;
}

/** How many alerts are open (of one model, when given), and whether the webhook accepts messages. */
export async function readAlertHealth(database: Database, modelId: string | undefined): Promise<AlertHealth> {
  let query = database
    .selectFrom('alerts')
    .select((eb) => ['state', 'severity', eb.fn.countAll<number>().as('count')])
    .where('state', '!=', 'resolved');
  if (modelId !== undefined) query = query.where('model_id', '=', modelId);
  const counts = await query.groupBy(['state', 'severity']).execute();
  const deliveries = await database
    .selectFrom('webhook_deliveries')
    .select((eb) => [
      eb.fn.countAll<number>().as('total'),
      eb.fn.count<number>('given_up_at').as('given_up'),
      eb.fn.max('last_error').as('last_error'),
    ])
    .executeTakeFirstOrThrow();
  const open = alertSeverities.map((severity) => ({
    severity,
    count: Number(counts.find((row) => row.state === 'open' && row.severity === severity)?.count ?? 0),
  }));
  const acknowledged = counts
    .filter(({ state }) => state === 'acknowledged')
    .reduce((sum, { count }) => sum + Number(count), 0);
  const givenUp = Number(deliveries.given_up);
  const waiting = Number(deliveries.total) - givenUp;
  const isOpen = open.some(({ severity, count }) => severity !== 'info' && count > 0);
  return {
    status: isOpen || givenUp > 0 ? 'degraded' : 'healthy',
    detail: [
      describeOpen(open),
      ...(acknowledged > 0 ? [`${acknowledged} acknowledged`] : []),
      ...(waiting > 0 ? [`${waiting} webhook messages wait${because(deliveries.last_error)}`] : []),
      ...(givenUp > 0
        ? [`${givenUp} webhook messages were given up in the last week${because(deliveries.last_error)}`]
        : []),
    ].join('; '),
  };
}

function describeOpen(open: readonly { severity: string; count: number }[]): string {
  const found = open.filter(({ count }) => count > 0).toReversed();
  if (found.length === 0) return 'none open';
  const total = found.reduce((sum, { count }) => sum + count, 0);
  return `${total} open (${found.map(({ severity, count }) => `${count} ${severity}`).join(', ')}): list_alerts`;
}

function because(error: string | null): string {
  return error === null ? '' : ` (${error})`;
}
