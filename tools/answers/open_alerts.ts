import { z } from 'zod';
import type { Services } from '../../src/services.ts';

/** In an answer about a model. */
export const openAlerts = { alerts: z.string().optional().describe('Its open alerts, where there are some') };

/** Alerts that are told of, the newest, and characters of each. */
const shown = { alerts: 3, characters: 120 };

/** The open alerts of a model in one line; nothing where there are none, or while the store is away. */
export async function openAlertsOf(services: Services, modelId: string): Promise<{ alerts?: string }> {
  const found = await services.monitoring
    .listAlerts({ modelId, state: 'open', limit: shown.alerts })
    .catch(() => undefined);
  if (found === undefined || found.total === 0) return {};
  const told = found.alerts.map(({ severity, subject, summary }) => {
    const version = subject.version === null ? '' : `, version ${subject.version}`;
    const text = summary.length > shown.characters ? `${summary.slice(0, shown.characters)}…` : summary;
    return `${severity}${version}: ${text.replace(/\s+/g, ' ')}`;
  });
  const more = found.total > told.length ? ` | and ${found.total - told.length} more` : '';
  return { alerts: `${found.total} open | ${told.join(' | ')}${more}` };
}
