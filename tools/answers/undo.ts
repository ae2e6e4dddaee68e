import { isDeepStrictEqual } from 'node:util';
import { callWords } from '../../src/call_words.ts';
import type { FieldChange } from '../../src/registry/field_changes.ts';
import type { Retired } from '../../src/serving/retire_version.ts';
import type { Route } from '../../src/serving/routing.ts';

/** The call that sets a model's traffic to a route. */
function trafficCall(modelId: string, { weights, shadowVersion, sticky }: Route): string {
  return callWords('set_traffic', {
    model_id: modelId,
    weights: Object.fromEntries(weights),
    shadow_version: shadowVersion,
    sticky,
  });
}

/** What takes a change of traffic back. @param previous undefined: nothing had traffic before */
export function undoTraffic(modelId: string, previous: Route | undefined, current: Route): string {
  if (previous !== undefined) return `Call ${trafficCall(modelId, previous)}.`;
  const calls = current.weights.map(([version]) =>
    callWords('retire_model', { model_id: modelId, version, force: true }),
  );
  return `No version had traffic before, which only their retirement brings back. Call ${calls.join(', then ')}.`;
}

/** What removes a new version again, in the order of the calls. */
export function undoRegistration({ modelId, version }: { modelId: string; version: string }): string {
  const name = { model_id: modelId, version };
  const archiving = callWords('promote_model', { ...name, target_stage: 'archived' });
  return `Call ${archiving}, then ${callWords('delete_model', name)} (role admin, confirmed); the name is not given again.`;
}

/** What takes a deployment back, in the order of the calls; undefined where it changed neither traffic nor what is deployed. */
export function undoDeployment(
  { modelId, version }: { modelId: string; version: string },
  {
    previous,
    setActive,
    wasDeployed,
  }: {
    /** The route before; undefined: there was none. */
    previous: Route | undefined;
    /** Whether all traffic was to go to it. */
    setActive: boolean;
    wasDeployed: boolean;
  },
): string | undefined {
  const hadAll = previous?.weights.length === 1 && previous.weights[0]?.[0] === version;
  const moved = setActive && !hadAll;
  const calls = [
    ...(moved && previous !== undefined ? [wholeTrafficCall(modelId, previous, version)] : []),
    ...(wasDeployed && (!moved || previous !== undefined)
      ? []
      : [
          callWords('retire_model', {
            model_id: modelId,
            version,
            ...(moved && previous === undefined && { force: true }),
          }),
        ]),
  ];
  return calls.length === 0 ? undefined : `Call ${calls.join(', then ')}.`;
}

/** What brings a retired version back as it was, in the order of the calls. */
export function undoRetirement(
  { modelId, version }: { modelId: string; version: string },
  { previous, current, settings }: Retired,
): string {
  const deployment = callWords('deploy_model', {
    model_id: modelId,
    version,
    set_active: false,
    error_threshold: settings.errorThreshold,
    latency_threshold_ms: settings.latencyThresholdMs,
    instances: settings.instances > 1 ? settings.instances : undefined,
    engine: settings.engine,
  });
  const moved = previous !== undefined && !isDeepStrictEqual(previous, current);
  const probe = settings.hasProbe ? ' Its probe is not kept: give it anew.' : '';
  return `Call ${deployment}${moved ? `, then ${trafficCall(modelId, previous)}` : ''}.${probe}`;
}

/** How the reference that was compared with before is compared with again. */
export function undoReference(
  { modelId, version }: { modelId: string; version: string },
  formerId: string | undefined,
): string {
  if (formerId === undefined)
    return 'Cannot be undone: a reference is never removed. Where it is a wrong one, the next takes its place.';
  const call = callWords('detect_drift', { model_id: modelId, version, reference_id: formerId });
  return `The former reference is kept. Call ${call}: it compares with that once more; to make it the one that counts, set its rows anew.`;
}

/** A version that had all traffic gets it back by its deployment, which more callers are offered than set_traffic. */
function wholeTrafficCall(modelId: string, route: Route, shadowNow: string): string {
  const [only, ...others] = route.weights;
  return only !== undefined && others.length === 0 && route.shadowVersion !== shadowNow
    ? callWords('deploy_model', { model_id: modelId, version: only[0] })
    : trafficCall(modelId, route);
}

/** The call that gives changed facts their former values; what had none is removed again. */
export function undoUpdate(modelId: string, version: string | undefined, changed: FieldChange[]): string {
  const given: Record<string, unknown> = {};
  const maps = new Map<string, Record<string, unknown>>();
  for (const { field, before } of changed) {
    const dot = field.indexOf('.');
    if (dot === -1) given[field] = before ?? emptyOf(field);
    else {
      const name = field.slice(0, dot);
      maps.set(name, { ...maps.get(name), [field.slice(dot + 1)]: before });
    }
  }
  const former = { ...given, ...Object.fromEntries(maps) };
  return `Call ${callWords('update_model', { model_id: modelId, version, ...former })}.`;
}

/** What removes a fact that had no value. */
function emptyOf(field: string): unknown {
  if (field === 'parent_versions') return [];
  return field === 'hyperparameters' ? {} : '';
}
