import { type Secrecy, secrecyOf } from './secret_name.ts';

/** What stands in the place of a secret. */
const redacted = '[redacted]';

/** Deeper than this, nothing is shown. */
const deepest = 50;

/** A value without what looks like a secret, by the name it stands under or by its form; for logs and the audit trail. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (depth > deepest) return '[…]';
  if (Array.isArray(value)) return redactList(value, depth);
  return isPlain(value) ? redactMembers(value, depth) : value;
}

export function redactMembers(value: object, depth = 0): Record<string, unknown> {
  const named = secrecyOfPair(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const secrecy = name === 'value' && named !== 'none' ? named : secrecyOf(name);
      return [name, redactNamed(secrecy, item, depth + 1)];
    }),
  );
}

/** A list; one of two members may be a name and its value. */
function redactList(list: readonly unknown[], depth: number): unknown[] {
  const [name, value] = list;
  if (list.length !== 2 || typeof name !== 'string' || secrecyOf(name) !== 'password')
    return list.map((item) => redact(item, depth + 1));
  return [name, redactNamed('password', value, depth + 1)];
}

/** `{name: 'api_key', value: …}` says in one member what the other is. */
function secrecyOfPair(value: object): Secrecy {
  const name = 'name' in value ? value.name : 'key' in value ? value.key : undefined;
  return typeof name === 'string' && 'value' in value ? secrecyOf(name) : 'none';
}

function redactNamed(secrecy: Secrecy, value: unknown, depth: number): unknown {
  if (secrecy === 'none') return redact(value, depth);
  if (typeof value === 'string') return value === '' ? value : redacted;
  if (typeof value === 'number' || typeof value === 'bigint')
    // Few digits are a count or a flag.
    return secrecy === 'password' && String(value).length >= 4 ? redacted : value;
  if (depth > deepest) return redacted;
  if (Array.isArray(value)) return value.map((item) => redactNamed(secrecy, item, depth + 1));
  return isPlain(value)
    ? Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, redactNamed(secrecy, item, depth + 1)]),
      )
    : value;
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Date) && !ArrayBuffer.isView(value)
  );
}

/** A text without credentials in addresses, tokens of known forms, private keys, and values of secret names in it. */
export function redactText(text: string): string {
  if (!maybeSecret.test(text)) return text;
  const withoutForms = secretForms.reduce(
    (shown, [pattern, replacement]) => shown.replace(pattern, replacement),
    text,
  );
  return withoutForms
    .replace(schemeAndToken, (whole, scheme: string, token: string) =>
      isToken(scheme.toLowerCase(), token) ? `${scheme} ${redacted}` : whole,
    )
    .replace(
      nameAndValue,
      (
        whole,
        name: string,
        between: string,
        quote: string | undefined,
        _quoted: string | undefined,
        bare: string,
      ) => {
        if (secrecyOf(name) === 'none') return whole;
        if (quote === undefined && isPlainValue(secrecyOf(name), bare)) return whole;
        return `${name}${between}${quote ?? ''}${redacted}${quote ?? ''}`;
      },
    )
    .replace(saidPassword, (whole, before: string, value: string) =>
      /[\d!#$%&*+=?@^~]/.test(value) ? `${before}${redacted}` : whole,
    );
}

/** Most texts have nothing of all that: one look is cheaper than a dozen. */
const maybeSecret =
  /[=:@]|bearer|basic|pass|PRIVATE KEY|gh[opsu]_|github_pat|glpat|hf_|sk-|AKIA|ASIA|xox|AIza|eyJ|npm_|dapi|ya29/i;

const secretForms: readonly [RegExp, string][] = [
  // scheme://user:password@host, where the password may hold an @, and a / unless what stands there is a port.
  [
    /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/:@"'<>]{0,300}:(?!\d+\/)[^\s"'<>]{0,500}@/gi,
    `$1${redacted}@`,
  ],
  // scheme://token@host; git@ is no secret.
  [/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/)(?!git@)[^\s/:@"'<>]{1,500}@/gi, `$1${redacted}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, redacted],
  // Signed addresses.
  [
    /([?&](?:sig|signature|x-amz-signature|x-amz-credential|x-goog-signature)=)[^\s&"'<>]+/gi,
    `$1${redacted}`,
  ],
  // Tokens that say what they are: GitHub, GitLab, Hugging Face, OpenAI and Anthropic, AWS, Slack, Google, npm, Databricks, JWT.
  [
    /\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,}|sk-[\w-]{20,}|A[KS]IA[0-9A-Z]{16}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{35}|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{36}|dapi[0-9a-f]{32}|eyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*)/g,
    redacted,
  ],
];

const schemeAndToken = /\b(bearer|basic|token)\s+([\w.~+/=-]{8,})/gi;

/** Whether the word after an authorization scheme is a token and not the next word of a sentence. */
function isToken(scheme: string, text: string): boolean {
  if (scheme === 'basic') return /^[A-Za-z0-9+/]+=*$/.test(text) && Buffer.from(text, 'base64').includes(':');
  return text.length >= 16 ? /[\d._~+/=]/.test(text) : /\d/.test(text) && /[a-z]/i.test(text);
}

/**
 * name=value, name: value, "name": "value", also where the quotes are escaped. What stands between pairs ends a value
 * only where something else begins behind it: a password may have an & in it.
 */
const nameAndValue =
  /(?<![\w.-])([A-Za-z_][\w.-]{1,100})(\\*["']?\s{0,4}[=:]\s{0,4}(?:(?:Bearer|Basic|Token)\s+)?)(?:(\\*["'])(.{0,1024}?)\3|((?:[^\s"',;&)\]}\\]|[,;&](?=[^\s"',;&)\]}\\])(?![\w.-]{1,100}\s{0,4}[=:]))+))/gi;

/** What a message says of a value rather than the value: `password: required`, `token: missing`, `Unexpected token: <`. */
function isPlainValue(secrecy: Secrecy, text: string): boolean {
  if (text.length < 4 || (secrecy === 'secret' && /^[\d.]+$/.test(text))) return true;
  return /^(\[redacted\].*|required|missing|invalid|expected|undefined|null|none|true|false|unset|string|is|was|must)$/i.test(
    text,
  );
}

const saidPassword = /\b((?:password|passphrase|passwd|pwd)(?:\s+is|\s+was)?\s+["']?)([^\s"',;]{4,})/gi;
