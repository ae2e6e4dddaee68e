import { z } from 'zod';
import { pageCursor, readPageCursor } from '../page_cursor.ts';
import { storedTexts } from '../stored_texts.ts';
import { type Address, addresses } from './address.ts';
import { viewDrift } from './drift.ts';
import { modelCard } from './model_card.ts';
import { type Facts, orFault, type Reading } from './reading.ts';

const pageLength = 100;
/** Rollouts shown; of those that are over the newest. */
const shownRollouts = 25;
/** Versions of a model that are listed with it, the newest. */
const shownVersions = 100;

const lastModel = z.tuple([z.string()]);

/** What a resource shows. @throws ModelYardError */
export function view(address: Address, reading: Reading): Promise<Facts> {
  switch (address.kind) {
    case 'models':
      return viewModels(address.cursor, reading);
    case 'alerts':
      return viewAlerts(address.cursor, reading);
    case 'rollouts':
      return viewRollouts(reading);
    case 'model':
      return viewModel(address.modelId, reading);
    case 'health':
      return reading.tool('health_check', { model_id: address.modelId, response_format: 'detailed' });
    case 'drift':
      return viewDrift(address.modelId, reading);
    case 'version':
      return modelCard(address, reading);
  }
}

async function viewModels(cursor: string | undefined, { ask }: Reading): Promise<Facts> {
  const [after] = cursor === undefined ? [] : readPageCursor(lastModel, cursor, { tool: addresses.models() });
  const { total, models, next } = await ask(({ registry }) => registry.list({ limit: pageLength, after }));
  return {
    note: storedTexts,
    total,
    models: models.map(({ modelId, description, createdAt, versions, production, activeVersion }) => ({
      model_id: modelId,
      uri: addresses.model(modelId),
      description,
      created_at: new Date(createdAt).toISOString(),
      versions_total: versions,
      production,
      active_version: activeVersion,
    })),
    next: next === null ? null : addresses.models(pageCursor([next])),
  };
}

async function viewAlerts(cursor: string | undefined, { tool }: Reading): Promise<Facts> {
  const { next_cursor: next, ...facts } = await tool('list_alerts', {
    limit: pageLength,
    cursor,
    response_format: 'detailed',
  });
  return { ...facts, next: typeof next === 'string' ? addresses.alerts(next) : null };
}

async function viewRollouts({ tool, ask }: Reading): Promise<Facts> {
  const ids = await ask(({ rollouts }) => rollouts.newest(shownRollouts));
  const rollouts: Facts[] = [];
  for (const rollout_id of ids)
    rollouts.push(await orFault(tool('get_rollout', { rollout_id }), { rollout_id }));
  return { note: storedTexts, rollouts };
}

async function viewModel(modelId: string, { tool, ask }: Reading): Promise<Facts> {
  const facts = await tool('get_model', { model_id: modelId });
  const [{ names, total }, alerts] = await Promise.all([
    ask(({ registry }) => registry.versionNames(modelId, '', shownVersions)),
    tool('list_alerts', { model_id: modelId, state: 'open', response_format: 'detailed' }),
  ]);
  return {
    ...facts,
    open_alerts: { total: alerts.total, alerts: alerts.alerts },
    uris: {
      health: addresses.health(modelId),
      drift: addresses.drift(modelId),
      versions: names.map((version) => addresses.version(modelId, version)),
      ...(total > names.length && { versions_left_off: total - names.length }),
    },
  };
}
