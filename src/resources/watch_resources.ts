import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { type Address, readAddress } from './address.ts';
import type { Reading } from './reading.ts';

/** How often it is looked whether what is watched has changed, milliseconds: others' changes are seen within a second. */
const lookMs = 500;

/** Resources that a session may watch at once: each costs some small queries a look. */
const mostWatched = 100;

/** The resources that a client has subscribed to. */
export interface WatchedResources {
  /**
   * From now on the client is told when the resource changes, whichever process changes it.
   *
   * @returns false: of that form there is none
   * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, LIMIT_EXCEEDED, STORAGE_UNAVAILABLE
   */
  subscribe(uri: string): Promise<boolean>;
  unsubscribe(uri: string): void;
  close(): void;
}

/** @param tell is told the URI of what has changed */
export function watchResources(
  reading: () => Promise<Reading>,
  tell: (uri: string) => void,
): WatchedResources {
  const watched = new Map<string, { address: Address; seen: string }>();
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  const look = async () => {
    const source = await reading();
    for (const [uri, one] of [...watched]) {
      const now = await markOf(one.address, source).catch(goneOr);
      // While the store is away nothing is known of it; the look after that finds what changed.
      if (now === undefined || now === one.seen) continue;
      one.seen = now;
      if (watched.get(uri) === one) tell(uri);
    }
  };
  const rest = () => {
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    async subscribe(uri) {
      const address = readAddress(uri);
      if (address === undefined) return false;
      if (watched.size >= mostWatched && !watched.has(uri))
        throw new ModelYardError(
          'LIMIT_EXCEEDED',
          `This session watches ${mostWatched} resources already, which is the most.`,
          'Unsubscribe from some; modelyard://models tells of changes of any model.',
        );
      watched.set(uri, { address, seen: await markOf(address, await reading()) });
      timer ??= setInterval(() => {
        if (isLooking) return;
        isLooking = true;
        look()
          .catch(() => undefined)
          .finally(() => {
            isLooking = false;
          });
      }, lookMs).unref();
      return true;
    },
    unsubscribe(uri) {
      watched.delete(uri);
      rest();
    },
    close() {
      watched.clear();
      rest();
    },
  };
}

const gone = 'gone';

function goneOr(error: unknown): string | undefined {
  const isGone =
    error instanceof ModelYardError &&
    (error.code === 'MODEL_NOT_FOUND' || error.code === 'VERSION_NOT_FOUND');
  return isGone ? gone : undefined;
}

/** What an answer of health_check says besides counts and times. */
const healthOf = z.looseObject({
  status: z.string(),
  checks: z.array(z.looseObject({ name: z.string(), status: z.string() })),
  models: z.array(
    z.looseObject({
      version: z.string(),
      stage: z.string(),
      active: z.boolean(),
      weight: z.number(),
      status: z.string(),
      circuit_breaker: z.looseObject({ state: z.string(), trips: z.number() }),
    }),
  ),
});

/** A text that is another one once the resource has changed. @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND */
async function markOf(address: Address, { tool, ask }: Reading): Promise<string> {
  if (!('modelId' in address)) return ask(({ overview }) => overview.revision({ kind: address.kind }));
  const { kind, modelId } = address;
  if (kind === 'health') return healthMark(await tool('health_check', { model_id: modelId }));
  // What there is not is told of; and a version may be named by an alias.
  if (kind === 'version') await tool('get_model', { model_id: modelId, version: address.version });
  else await ask(({ registry }) => registry.versionNames(modelId, '', 1));
  return ask(({ overview }) => overview.revision({ kind: kind === 'drift' ? 'drift' : 'model', modelId }));
}

function healthMark(facts: Record<string, unknown>): string {
  const { status, checks, models } = healthOf.parse(facts);
  return JSON.stringify([
    status,
    checks.map((check) => [check.name, check.status]),
    models
      .map(({ version, stage, active, weight, status: own, circuit_breaker: { state, trips } }) =>
        JSON.stringify([version, stage, active, weight, own, state, trips]),
      )
      .toSorted(),
  ]);
}
