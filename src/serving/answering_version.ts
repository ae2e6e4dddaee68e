import type { Database } from '../storage/database.ts';
import type { Breakers } from './breakers.ts';
import { circuitOpen } from './circuit_open.ts';
import type { RouteKind } from './prediction_sink.ts';
import { chooseVersion } from './routing.ts';
import {
  explainNotRouted,
  findServed,
  type ServedModel,
  type ServedVersion,
  servedVersion,
} from './served_models.ts';

interface ChoiceDependencies {
  database: Database;
  breakers: Pick<Breakers, 'allows'>;
  clock: () => number;
  random: () => number;
}

interface Call {
  modelId: string;
  /** The version that the caller pins; undefined: the route decides. */
  version?: string | undefined;
  entityKey?: string | undefined;
}

/** The version that answers a call, and why that one. */
export interface VersionChoice {
  version: ServedVersion;
  route: RouteKind;
  warnings: string[];
}

/** The version that answers by the route and the breakers, or by the caller's pin; undefined where it is to be found out or none can. */
export function routedVersion(
  { breakers, random }: Pick<ChoiceDependencies, 'breakers' | 'random'>,
  model: ServedModel,
  { modelId, version: pinned, entityKey }: Call,
): VersionChoice | undefined {
  if (pinned !== undefined) {
    const version = servedVersion(model, pinned);
    if (version === undefined || !breakers.allows(version)) return undefined;
    return { version, route: 'pinned', warnings: [] };
  }
  const isCallable = (name: string) => {
    const candidate = model.versions.get(name);
    return candidate !== undefined && breakers.allows(candidate);
  };
  const choice = chooseVersion(modelId, model.route, entityKey, isCallable, random());
  const version = 'version' in choice ? model.versions.get(choice.version) : undefined;
  if (!('version' in choice) || version === undefined) return undefined;
  const warnings =
    choice.route === 'fallback' ? [`${outOfRoute(model)}; ${choice.version} answered instead.`] : [];
  return { version, route: choice.route, warnings };
}

/**
 * The version that answers where `routedVersion` finds none.
 * @throws VERSION_NOT_FOUND, NOT_DEPLOYED, CIRCUIT_OPEN; INTERNAL where what is stored of it is damaged
 */
export async function versionOrWhyNot(
  { database, breakers, clock }: ChoiceDependencies,
  model: ServedModel,
  { modelId, version: pinned }: Call,
): Promise<VersionChoice> {
  if (pinned !== undefined) {
    const version = await findServed(database, modelId, pinned, model);
    if (!breakers.allows(version)) throw circuitOpen(modelId, [version], clock());
    return { version, route: 'pinned', warnings: [] };
  }
  const routed = [...model.versions.values()].filter(({ record }) =>
    model.route?.weights.some(([name]) => name === record.version),
  );
  if (routed.length > 0) throw circuitOpen(modelId, routed, clock());
  return explainNotRouted(database, modelId, model);
}

/** Why a call goes to another version than it would have. */
function outOfRoute({ route, damaged }: ServedModel): string {
  const gone = (route?.weights ?? []).flatMap(([name]) => (damaged.has(name) ? [name] : []));
  return gone.length === 0
    ? 'The circuit breaker of the version this call would have gone to is open'
    : `The version this call would have gone to is out (what the database keeps of ${gone.join(', ')} is damaged, or a circuit breaker is open: see health_check)`;
}
