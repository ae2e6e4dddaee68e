/** Whether a value that stands under a name is a secret, judged by the name's words and the kind of value. */

/** Last words that mean a password: `db_password`, `userPwd`. */
const passwords = /^(\w*(password|passwd|passphrase|passcode)|pwd)$/;

/** Last words that mean another secret: `clientSecret`, `credentials`, `apikey`. */
const secretWords =
  /^(secrets?|credentials?|authorization|auth|bearer|cookies?|jwt|\w*(apikey|secretkey|privatekey|accesskey)|\w*(access|auth|refresh|api|bearer)token)$/;

/** Words before `key` that make it a secret; an `entity_key` or a `primary_key` is none. */
const secretKeys = new Set([
  ...['access', 'account', 'api', 'encryption', 'license', 'master', 'private', 'root', 'secret', 'service'],
  ...['shared', 'signing', 'ssh', 'storage', 'subscription'],
]);

/** Words before `token` that belong to language models. */
const plainTokens = new Set([
  ...[
    'additional',
    'audio',
    'bos',
    'cls',
    'decoder',
    'end',
    'eos',
    'eot',
    'first',
    'forced',
    'image',
    'last',
  ],
  ...['mask', 'next', 'out', 'pad', 'padding', 'sep', 'special', 'start', 'stop', 'unk', 'unknown'],
]);

/** Words before `pass` that belong to signal processing and training. */
const plainPasses = new Set([
  'all',
  'backward',
  'band',
  'first',
  'forward',
  'high',
  'low',
  'second',
  'single',
]);

/** `apiKey`, `API_KEY`, `api-key` and `X-Api-Key` as their words, in small letters. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** `password`: a number is one too. `secret`: only a text is one; a number is a count, an index or a measurement. */
export type Secrecy = 'password' | 'secret' | 'none';

/** A `token_count` and a `tokenizer` are no secrets, nor are the `pad_token` and the `entity_key`. */
export function secrecyOf(name: string): Secrecy {
  const words = wordsOf(name.slice(-200));
  // `aws_access_key_id`, `password_hash`, `secret_value`: the thing itself, not a measure of it.
  const isPart = /^(id|value|hash|text|string|plain|base64)$/.test(words.at(-1) ?? '');
  const [word = '', before = ''] = isPart ? [words.at(-2), words.at(-3)] : [words.at(-1), words.at(-2)];
  // The token of a preview, which stands for a person's word.
  if (name === 'confirm') return 'secret';
  if (passwords.test(word)) return isPart ? 'secret' : 'password';
  if (secretWords.test(word)) return 'secret';
  if (word === 'key') return secretKeys.has(before) ? 'secret' : 'none';
  if (word === 'token') return plainTokens.has(before) || words.at(-1) === 'id' ? 'none' : 'secret';
  return word === 'pass' && before !== '' && !plainPasses.has(before) ? 'secret' : 'none';
}
