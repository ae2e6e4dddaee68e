import { describe, expect, test } from 'vitest';
import { redact, redactText } from '../../src/telemetry/redact.ts';

const secret = 'hunter2-Zq9';
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

describe('a secret does not get through', () => {
  test.each<[string, unknown]>([
    ['a password', { password: secret }],
    ['a number as password', { db_password: 48151623 }],
    ['in other spellings', { userPassword: secret, DB_PASSWD: secret, 'smtp-pass': secret, pwd: secret }],
    [
      'keys',
      { apiKey: secret, API_KEY: secret, 'X-Api-Key': secret, apikey: secret, AWS_SECRET_ACCESS_KEY: secret },
    ],
    ['more keys', { aws_access_key_id: secret, privateKey: secret, storage_account_key: secret }],
    ['tokens', { MLFLOW_TRACKING_TOKEN: secret, accessToken: secret, hf_token: secret, token: secret }],
    ['the token of a preview', { confirm: secret }],
    ['headers', { headers: { Authorization: `Bearer ${secret}`, Cookie: secret } }],
    ['nested, in arrays', { hyperparameters: { layers: [{ auth: { client_secret: secret } }] } }],
    ['everything below the name', { credentials: { user: 'u', parts: [secret, { more: secret }] } }],
    [
      'a name and its value',
      {
        tags: [
          { name: 'api_key', value: secret },
          { key: 'password', value: secret },
        ],
      },
    ],
    ['a pair', [['password', secret]]],
    ['an address', { DATABASE_URL: `postgres://user:${secret}@db.example/models` }],
    ['an address inside a text', { reason: `moved from postgres://u:${secret}@h:5432/m to another` }],
    ['a password with @ and / in an address', `postgres://user:p@ss/${secret}@db/models`],
    ['a token as user', `https://${secret}@git.example/models.git`],
    ['a bearer token', `it said Bearer ${secret}aaaaaaaaa when asked`],
    ['a basic one', `Authorization: Basic ${Buffer.from(`user:${secret}`).toString('base64')}`],
    ['name=value', `failed with MLFLOW_TRACKING_PASSWORD=${secret} set`],
    ['name: value', `token: ${secret}, user: me`],
    ['quoted, with spaces', `password="correct ${secret} staple"`],
    ['JSON in a text', `sent {"user":"me","api_key":"${secret}"}`],
    ['JSON in JSON', JSON.stringify(JSON.stringify({ password: `a ${secret}`, n: 1 }))],
    ['a query', `https://host/model?user=me&access_token=${secret}&x=1`],
    ['a signed address', `https://host/model?sig=${secret}&se=2026`],
    ['a connection string', `Server=db;User Id=me;Password=${secret};`],
    ['in words', `use password ${secret} for it`],
    ['a private key', `-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`],
    ['a private key that was cut off', `-----BEGIN PRIVATE KEY-----\n${secret}`],
  ])('%s', (_, value) => {
    const shown = JSON.stringify(redact(value));
    expect(shown).toContain('[redacted]');
    for (const part of [secret, '48151623', Buffer.from(`user:${secret}`).toString('base64')])
      expect(shown).not.toContain(part);
  });

  test.each([
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
    'github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz',
    'glpat-abcdefghij0123456789',
    'hf_abcdefghijklmnopqrstuvwxyz012345',
    'sk-ant-api03-abcdefghijklmnopqrstu',
    'AKIAIOSFODNN7EXAMPLE',
    'xoxb-123456789012-abcdefGHIJ',
    'dapi0123456789abcdef0123456789abcdef',
    jwt,
  ])('a token that says what it is: %s', (token) => {
    expect(redactText(`with ${token} in it`)).toBe('with [redacted] in it');
    expect(redact({ tags: { note: token } })).toEqual({ tags: { note: '[redacted]' } });
  });
});

describe('what is no secret stays as it is', () => {
  test.each<[string, unknown]>([
    ['counts of tokens', { token_count: 12, max_tokens: 512, tokens: ['the', 'cat'], token: 7 }],
    ['tokenizers', { tokenizer: 'bert-base', tags: { tokenizer: 'wordpiece', tokenization: 'bpe' } }],
    ['special tokens', { pad_token: '<pad>', eos_token: '</s>', special_token: '[CLS]', mask_token_id: 4 }],
    [
      'keys of data',
      { entity_key: 'user-1', primary_key: 'id', sort_key: 'at', key: 'value', public_key: 'x' },
    ],
    ['words like it', { confirm: true, confirmed: 'yes', confirmed_by: 'me' }],
    ['flags', { password: true, token: null, secret: '', reset_password: 1 }],
    ['numbers with such names', { cookies: 3, credentials: 2, password_strength: 0.9, secret_santa: 'no' }],
    ['passes', { low_pass: 'butterworth', forward_pass: 'fp16', compass: 'north', bypass: 'on' }],
    ['two features', { feature_names: ['token', 'price'] }],
    ['a signature', { signature: { inputs: [{ name: 'tokens', datatype: 'INT64' }] } }],
    ['an address without credentials', { uri: 'http://mlflow:5000/models@sha256', s3: 's3://bucket/a@b' }],
    ['the usual user of git', 'ssh://git@host/models.git'],
    ['prose', 'basic authentication failed; bearer instruments and token economics'],
    [
      'what a message says',
      'Unexpected token: < in JSON; password: required; token: missing; api_key: invalid',
    ],
    ['PostgreSQL on passwords', 'password authentication failed for user "me"'],
    ['times and ratios', 'at 12:30:00 the ratio was 3:1, loss=0.25'],
    ['hashes and versions', `sha256 ${'ab'.repeat(32)}, modelyard 1.2.3`],
    ['other values', [1, 2.5, null, true, 'text', { deep: [{ er: 'x' }] }]],
  ])('%s', (_, value) => {
    expect(redact(value)).toEqual(value);
  });

  test('the rest of an address and of a text', () => {
    expect(redactText(`see postgres://u:${secret}@db:5432/m?sslmode=require now`)).toBe(
      'see postgres://[redacted]@db:5432/m?sslmode=require now',
    );
    expect(redactText(`a=1 password=${secret} b=2`)).toBe('a=1 password=[redacted] b=2');
    expect(redactText('password=Tr0ub4dor&3;x,y, then')).toBe('password=[redacted], then');
    expect(redactText('password=Tr0ub4dor&user=me;a=1')).toBe('password=[redacted]&user=me;a=1');
    expect(redactText('{token: abcdef1,count: 2}; (api_key=abcdef2).')).toBe(
      '{token: [redacted],count: 2}; (api_key=[redacted]).',
    );
  });
});

test('what refers to itself ends', () => {
  const loop: Record<string, unknown> = { password: secret };
  loop.self = loop;
  expect(JSON.stringify(redact(loop))).not.toContain(secret);
});
