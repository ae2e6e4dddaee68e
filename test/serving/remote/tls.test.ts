import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectEngine } from '../../../src/serving/remote/connection.ts';
import { type CertificateFiles, makeCertificate } from '../../http/certificate.ts';
import { temporaryDirectory } from '../../temporary.ts';

const directory = temporaryDirectory();
const certificates = {
  good: makeCertificate(directory, 'good'),
  other: makeCertificate(directory, 'other'),
  expired: makeCertificate(directory, 'expired', [-30, -1]),
  early: makeCertificate(directory, 'early', [1, 30]),
  elsewhere: makeCertificate(directory, 'elsewhere', [-1, 30], 'triton.example.org'),
};
const keyed = ({ cert, keyFile }: CertificateFiles) => ({ cert, key: readFileSync(keyFile) });

/** An engine that lets in who knows the word, and is ready. */
const server = createServer(keyed(certificates.good), (request, response) => {
  const isKnown = request.headers.authorization === 'Bearer word';
  response.writeHead(isKnown ? 200 : 401).end(isKnown ? '{}' : '{"error":"who is there?"}');
});
const plain = createPlainServer((_, response) => response.end('{}'));
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  port = portOf(server);
});
afterAll(() => {
  server.close();
  plain.close();
});
const portOf = (listening: typeof server | typeof plain) => {
  const address = listening.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
};

/** Whether the engine has a model ready, or what is said of it. */
async function ready({
  caFile,
  headers = { Authorization: 'Bearer word' },
  url = `https://127.0.0.1:${port}`,
}: {
  caFile?: string;
  headers?: Record<string, string>;
  url?: string;
}): Promise<unknown> {
  const connection = connectEngine({
    name: 'triton',
    url,
    headers,
    caFile,
    models: { kind: 'pushed' },
    binaryTensors: undefined,
  });
  try {
    return await connection.isReady({ name: 'm', version: undefined }, AbortSignal.timeout(10_000));
  } catch (error) {
    return error;
  } finally {
    connection.close();
  }
}
const present = (certificate: CertificateFiles) => server.setSecureContext(keyed(certificate));

describe('an engine that speaks TLS', () => {
  beforeEach(() => present(certificates.good));

  test('is believed where its certificate is of those in ca_file, and hears the headers', async () => {
    const { certFile: caFile } = certificates.good;
    expect(await ready({ caFile })).toBe(true);
    expect(await ready({ caFile, url: `https://localhost:${port}` })).toBe(true);
    for (const headers of [{}, { Authorization: 'Bearer other' }])
      expect(await ready({ caFile, headers })).toMatchObject({
        code: 'ENGINE_CRASHED',
        message: expect.stringMatching(/lets this server do nothing \(HTTP 401\): who is there\?/),
        hint: expect.stringContaining('headers'),
      });
  });

  test('is not where it is of none', async () => {
    for (const caFile of [undefined, certificates.other.certFile])
      expect(await ready({ ...(caFile !== undefined && { caFile }) })).toMatchObject({
        code: 'ENGINE_CRASHED',
        message: expect.stringMatching(/^No safe connection to the engine triton .*self-signed/),
        hint: expect.stringContaining('ca_file'),
      });
  });

  test.each([
    ['has expired', certificates.expired, /expired/, /Renew/],
    ['is not valid yet', certificates.early, /not yet valid/, /clock/],
    ['is of another host', certificates.elsewhere, /does not match certificate/, /url/],
  ])('is not where its certificate %s', async (_, certificate, message, hint) => {
    present(certificate);
    expect(await ready({ caFile: certificate.certFile })).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });
});

test('an engine without TLS is told from one that is away', async () => {
  expect(await ready({ url: `https://127.0.0.1:${portOf(plain)}` })).toMatchObject({
    code: 'ENGINE_CRASHED',
    message: expect.stringContaining('No safe connection'),
    hint: expect.stringContaining('http://'),
  });
});
