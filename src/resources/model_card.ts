import { z } from 'zod';
import { addresses } from './address.ts';
import { latestDrift } from './drift.ts';
import { type Facts, orFault, type Reading } from './reading.ts';

const weekHours = 168;

const member = z.record(z.string(), z.unknown());

/** What the card takes apart of the tools' answers; all else is passed on as it is. */
const described = z.looseObject({
  description: z.string().nullable(),
  versions: z.tuple([
    z.looseObject({
      version: z.string(),
      description: z.string().nullable(),
      warnings: z.array(z.string()),
    }),
  ]),
});
const healths = z.looseObject({ models: z.array(z.looseObject({ version: z.string() })) });
const alertList = z.looseObject({ alerts: z.array(z.looseObject({ version: z.string().nullable() })) });

/**
 * A version's model card: everything that is known of it, in one piece. Where a part cannot be had its error stands in its
 * place.
 *
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND
 */
export async function modelCard(
  { modelId, version: named }: { modelId: string; version: string },
  { tool, ask }: Reading,
): Promise<Facts> {
  const model_id = modelId;
  const { note, traffic, lineage, lineage_truncated, stage_history, gates, aliases, tags, ...model } =
    member.parse(await tool('get_model', { model_id, version: named, response_format: 'detailed' }));
  const {
    description,
    versions: [facts],
  } = described.parse(model);
  // It may have been named by an alias.
  const { version, warnings } = facts;
  const [health, performance, alerts, drift] = await Promise.all([
    orFault(tool('health_check', { model_id, response_format: 'detailed' })),
    orFault(
      tool('get_performance', { model_id, version, window_hours: weekHours, response_format: 'detailed' }),
    ),
    orFault(tool('list_alerts', { model_id, state: 'open', limit: 200, response_format: 'detailed' })),
    orFault(
      ask(async ({ monitoring }) => {
        const latest = await monitoring.latestMeasurements([modelId]);
        return { latest: latestDrift(latest.get(`${modelId}@${version}`) ?? {}) };
      }),
    ),
  ]);
  const { data: read } = healths.safeParse(health);
  const { data: open } = alertList.safeParse(alerts);
  return {
    note,
    uri: addresses.version(modelId, version),
    model: { model_id, uri: addresses.model(modelId), description, tags, aliases },
    version: facts,
    lineage,
    lineage_truncated,
    stage_history,
    gates,
    traffic,
    health: read === undefined ? health : (read.models.find((one) => one.version === version) ?? null),
    drift: 'latest' in drift ? drift.latest : drift,
    performance,
    open_alerts:
      open === undefined
        ? alerts
        : open.alerts.filter((alert) => alert.version === null || alert.version === version),
    limits: {
      as_described: [description, facts.description].filter((text) => text !== null && text !== ''),
      warnings,
    },
  };
}
