/**
 * The buffers behind the typed arrays of a message, each once, to be transferred instead of copied: the sender then
 * has them no more. Looks into plain objects, arrays of them and maps.
 */
export function memoryOf(message: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  collect(message, found);
  return [...found];
}

function collect(value: unknown, found: Set<ArrayBuffer>): void {
  if (typeof value !== 'object' || value === null) return;
  if (ArrayBuffer.isView(value)) {
    // Node's pool is shared with other buffers, so its memory cannot be transferred.
    if (value.buffer instanceof ArrayBuffer && !Buffer.isBuffer(value)) found.add(value.buffer);
    return;
  }
  // An array of texts or numbers, possibly millions, holds no buffers.
  if (Array.isArray(value) && typeof value[0] !== 'object') return;
  const members = value instanceof Map ? value.values() : Object.values(value);
  for (const member of members) collect(member, found);
}
