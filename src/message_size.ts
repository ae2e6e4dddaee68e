/**
 * How large an answer may be. The official clients close the connection at a message of 10 MiB, and an answer stands in
 * a message twice: as structured content, and as its text.
 */
export const maxMessageBytes = 8 * 1024 * 1024;

/** A text above this only says where the answer is. */
export const maxTextBytes = 1_000_000;

/** Bytes left for what stands around an answer. */
const envelopeBytes = 64 * 1024;

/** The largest answer as JSON that still fits into a message, bytes: without its text, which is left out by then. */
export const maxAnswerBytes = maxMessageBytes - envelopeBytes;

/** Below this many characters no answer can come near the limit: each takes three bytes at most, and twice as many in the text. */
const surelySmall = 300_000;

/**
 * The text of an answer beside its structured content: its JSON, or where that is too long for both, where to look.
 * @returns undefined when even the structured content is too large for a message.
 */
export function answerText(json: string, otherBytes: number): string | undefined {
  if (json.length < surelySmall && otherBytes < maxMessageBytes / 4) return json;
  const bytes = Buffer.byteLength(json);
  if (bytes + otherBytes > maxAnswerBytes) return undefined;
  const fitsTwice = () => bytes + Buffer.byteLength(JSON.stringify(json)) + otherBytes <= maxAnswerBytes;
  if (bytes <= maxTextBytes && fitsTwice()) return json;
  return `The answer has ${megabytes(bytes)} MB as JSON: it is in structuredContent only.`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
