import { describe, expect, test } from 'vitest';
import { hostnameOf, isKnownHost, isLoopback, isOwnOrigin } from '../../../src/http/access/addresses.ts';

test.each([
  ['localhost', true],
  ['LOCALHOST', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.org', false],
  ['localhost.example.org', false],
])('%s is reached from this machine only: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

describe('a Host header', () => {
  const names = ['models.example.org', '0.0.0.0'];
  test.each([
    ['localhost', true],
    ['localhost:8080', true],
    ['127.0.0.1:80', true],
    ['[::1]:8080', true],
    // An address cannot be led elsewhere by whoever owns a name.
    ['10.1.2.3:8080', true],
    ['models.example.org', true],
    ['MODELS.example.org:443', true],
    ['models.example.org.', true],
    ['evil.example.org', false],
    ['localhost.evil.example.org', false],
    ['models.example.org.evil.org', false],
    ['evil.org:80@localhost', false],
    ['localhost/..', false],
    ['', false],
    [undefined, false],
  ])('%s is known: %s', (host, expected) => {
    expect(isKnownHost(host, { names })).toBe(expected);
  });
});

test('the name in a Host header has no port and no bracket is lost', () => {
  expect(hostnameOf('Example.org:1')).toBe('example.org');
  expect(hostnameOf('[::1]:1')).toBe('[::1]');
  expect(hostnameOf('a b')).toBeUndefined();
});

test.each([
  ['http://localhost:8080', 'localhost:8080', 'http', true],
  ['http://localhost', 'localhost:80', 'http', true],
  ['https://localhost:8080', 'localhost:8080', 'http', false],
  ['http://localhost:8081', 'localhost:8080', 'http', false],
  ['https://models.example.org', 'models.example.org', 'https', true],
  ['null', 'localhost:8080', 'http', false],
  ['', 'localhost:8080', 'http', false],
] as const)('a page of %s is one of the server at %s over %s: %s', (origin, host, scheme, expected) => {
  expect(isOwnOrigin(origin, host, scheme)).toBe(expected);
});
