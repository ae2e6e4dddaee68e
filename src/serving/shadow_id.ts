/**
 * The prediction id of a shadow's row tells which prediction it is the shadow of, so that the outcome of that one is
 * the row's too. Ids that the server makes are UUIDs of version 7; the shadow's row has the same with version 8. An
 * id that a caller brought, whatever it looks like, has a suffix in its place. Both sort beside their primary's.
 */
const serverId = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const suffix = '~shadow';
const versionAt = 14;

/** How much longer a shadow's id can be than its primary's. */
export const shadowIdExtra = suffix.length;

/** @param isCallers whether a caller brought the primary's id */
export function shadowIdOf(primaryId: string, isCallers: boolean): string {
  return isCallers || !serverId.test(primaryId) ? `${primaryId}${suffix}` : withVersion(primaryId, '8');
}

/** The ids that the row of a prediction's shadow can have. A row of such an id is one only where its route is `shadow`. */
export function possibleShadowIds(primaryId: string): string[] {
  const suffixed = shadowIdOf(primaryId, true);
  return serverId.test(primaryId) ? [shadowIdOf(primaryId, false), suffixed] : [suffixed];
}

/** The prediction that a shadow's row is the shadow of. */
export function primaryIdOf(shadowId: string): string {
  return shadowId.endsWith(suffix) ? shadowId.slice(0, -suffix.length) : withVersion(shadowId, '7');
}

function withVersion(uuid: string, version: string): string {
  return uuid.slice(0, versionAt) + version + uuid.slice(versionAt + 1);
}
