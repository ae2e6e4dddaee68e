const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/**
 * The trace that a call belongs to, as its caller says in a `traceparent`: by W3C Trace Context
 * (https://www.w3.org/TR/trace-context/, section 3.2). Of a version later than 00 what stands behind the flags is ignored, as
 * it asks.
 *
 * @returns 32 lower-case hexadecimal digits; undefined where there is no `traceparent`, or none that is valid: the call goes
 *   on without, as the standard says
 */
export function traceIdOf(traceparent: unknown): string | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > 512) return undefined;
  const [, version, traceId, parentId, more] = pattern.exec(traceparent.trim()) ?? [];
  if (traceId === undefined || parentId === undefined) return undefined;
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : traceId;
}
