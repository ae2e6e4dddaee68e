import { expect } from 'vitest';
import { readError, readSuccess, type TestServer, type ToolName } from '../e2e/client.ts';
import { testModel } from '../e2e/environment.ts';
import type { Random } from './random.ts';

/** How many calls of each tool were made, and how many refused, by code. */
export interface RegistryEvents {
  done: Map<string, number>;
  refused: Map<string, number>;
}

export const models = ['a', 'b'] as const;
const aliases = ['champion', 'challenger'] as const;

/** Versions are named in order and never again: what is deleted stays deleted. */
let made = 0;

/** What a call may be refused with when others change the same model all the time. */
const honest: Partial<Record<ToolName, readonly string[]>> = {
  register_model: [],
  promote_model: ['VERSION_NOT_FOUND', 'ILLEGAL_TRANSITION'],
  rollback_model: ['ILLEGAL_TRANSITION'],
  update_model: ['VERSION_NOT_FOUND', 'INVALID_INPUT'],
  delete_model: ['VERSION_NOT_FOUND', 'ILLEGAL_TRANSITION', 'APPROVAL_REQUIRED'],
};

/** One caller: changes the registry at random while `goesOn`. */
export async function runRegistryCaller(
  server: TestServer,
  random: Random,
  events: RegistryEvents,
  goesOn: () => boolean,
): Promise<void> {
  const call = async (name: ToolName, given: Record<string, unknown>) => {
    const result = await server.attempt(name, given);
    const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
    if (!result.isError) {
      count(events.done, name);
      return readSuccess(name, result);
    }
    const error = readError(name, result);
    expect(honest[name], `${name}: ${error.code}: ${error.message}`).toContain(error.code);
    count(events.refused, `${name} ${error.code}`);
    return undefined;
  };
  while (goesOn()) {
    const model_id = random.pick([...models]);
    const version = `v${random.integer(Math.max(0, made - 8), made)}`;
    const drawn = random.next();
    if (drawn < 0.12) {
      made++;
      await call('register_model', {
        model_id,
        version: `v${made}`,
        source: testModel('linear_float32'),
      });
    } else if (drawn < 0.5)
      await call('promote_model', {
        model_id,
        version,
        target_stage: random.pick([
          'staging',
          'production',
          'production',
          'archived',
          'archived',
          'development',
        ]),
      });
    else if (drawn < 0.62) await call('rollback_model', { model_id, reason: 'chaos' });
    else if (drawn < 0.78)
      await call('update_model', {
        model_id,
        version,
        tags: { mood: String(random.integer(0, 9)) },
        aliases: { [random.pick([...aliases])]: random.chance(0.8) ? version : null },
      });
    else await deleteVersion(call, model_id, version);
  }
}

/** As a careful script does: looks at the preview, then confirms it. */
async function deleteVersion(
  call: (name: ToolName, given: Record<string, unknown>) => Promise<unknown>,
  model_id: string,
  version: string,
): Promise<void> {
  const preview = await call('delete_model', { model_id, version, dry_run: true });
  if (typeof preview !== 'object' || preview === null || !('confirm' in preview)) return;
  await call('delete_model', { model_id, version, confirm: preview.confirm });
}
