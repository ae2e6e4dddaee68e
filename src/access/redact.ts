/** What stands in the place of a secret. */
const redacted = '[redacted]';

const secretName =
  /pass(word|wd|phrase)?$|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|authorization|cookie|^confirm$/i;

const secretTexts: readonly [RegExp, string][] = [
  // Credentials in an address: scheme://user:password@host
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${redacted}@`],
  [/\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}/gi, `$1 ${redacted}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, redacted],
  // name=value and "name": "value" inside a text
  [
    /\b([\w-]*(?:password|passwd|secret|token|api[-_]?key))(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
    `$1$2${redacted}`,
  ],
];

/** A value without what looks like a secret, by the name it stands under or by its form; for logs and the audit trail. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      secretName.test(name) && item !== null && typeof item !== 'boolean' ? redacted : redact(item),
    ]),
  );
}

export function redactText(text: string): string {
  return secretTexts.reduce((shown, [pattern, replacement]) => shown.replace(pattern, replacement), text);
}
