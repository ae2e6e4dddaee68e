import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTlsFiles, requireValidAt } from '../../src/http/tls_files.ts';
import { scratchDirectory } from '../e2e/environment.ts';
import { type CertificateFiles, makeCertificate } from './certificate.ts';

const scratch = scratchDirectory();
let files: CertificateFiles;
beforeAll(() => {
  files = makeCertificate(scratch.path, 'server');
});
afterAll(() => scratch.remove());

const written = (name: string, text: string) => {
  const path = join(scratch.path, name);
  writeFileSync(path, text);
  return path;
};

test('a certificate, or a chain of them, and its key are what they are', () => {
  const { cert, certFile, keyFile } = files;
  const key = readFileSync(keyFile, 'utf8');
  expect(readTlsFiles(files)).toEqual({ cert, key });
  const chain = cert + makeCertificate(scratch.path, 'authority').cert;
  expect(readTlsFiles({ certFile: written('chain.crt', chain), keyFile })).toEqual({ cert: chain, key });
  requireValidAt({ cert, key }, certFile, Date.now());
});

test.each<[string, () => { certFile: string; keyFile: string }, string]>([
  [
    'the key of another certificate',
    () => ({ ...files, keyFile: makeCertificate(scratch.path, 'wrong').keyFile }),
    'wrong.key is not the key of the certificate in --tls-cert=',
  ],
  [
    'no file of a key',
    () => ({ ...files, keyFile: join(scratch.path, 'absent.key') }),
    'absent.key cannot be read: ENOENT',
  ],
  [
    'no file of a certificate',
    () => ({ ...files, certFile: join(scratch.path, 'absent.crt') }),
    'absent.crt cannot be read: ENOENT',
  ],
  [
    'a key in the place of the certificate',
    () => ({ ...files, certFile: files.keyFile }),
    'server.key is no certificate in PEM',
  ],
  [
    'a certificate in the place of the key',
    () => ({ ...files, keyFile: files.certFile }),
    'server.crt is no private key in PEM',
  ],
  ['an empty key', () => ({ ...files, keyFile: written('empty.key', '') }), 'empty.key is no private key'],
  [
    'a chain whose second certificate is broken',
    () => ({
      ...files,
      certFile: written('broken.crt', files.cert + files.cert.replace(/\n[A-Za-z0-9+/]{64}\n/, '\n')),
    }),
    'broken.crt and --tls-key=',
  ],
])('%s is named in a sentence that has nothing of the key', (_, given, complaint) => {
  const [, secret = ''] = readFileSync(files.keyFile, 'utf8').split('\n');
  const read = () => readTlsFiles(given());
  expect(read).toThrow(complaint);
  expect(read).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) }));
});

test('a certificate is judged by the time', () => {
  const material = readTlsFiles(files);
  const day = 86_400_000;
  expect(() => requireValidAt(material, 'a.crt', Date.now() + 31 * day)).toThrow(
    /^--tls-cert=a.crt expired at/,
  );
  expect(() => requireValidAt(material, 'a.crt', Date.now() - 2 * day)).toThrow(
    /^--tls-cert=a.crt is valid from/,
  );
});
