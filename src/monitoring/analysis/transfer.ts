/**
 * The memory behind the typed arrays of a message, each once: it changes hands instead of being copied, and is the
 * sender's no more. Looks into plain objects, arrays of them and maps.
 */
export function memoryOf(message: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  collect(message, found);
  return [...found];
}

function collect(value: unknown, found: Set<ArrayBuffer>): void {
  if (typeof value !== 'object' || value === null) return;
  if (ArrayBuffer.isView(value)) {
    // What Node allocates from its pool is others' memory too.
    if (value.buffer instanceof ArrayBuffer && !Buffer.isBuffer(value)) found.add(value.buffer);
    return;
  }
  // An array of texts or numbers, of which there may be millions, holds no memory of this kind.
  if (Array.isArray(value) && typeof value[0] !== 'object') return;
  const members = value instanceof Map ? value.values() : Object.values(value);
  for (const member of members) collect(member, found);
}
