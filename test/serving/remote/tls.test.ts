import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { messageType } from '../../../src/open_inference/protobuf.ts';
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
const asItIs = (bytes: Buffer) => bytes;
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
  protocol = 'rest',
  url = `https://127.0.0.1:${port}`,
}: {
  caFile?: string;
  headers?: Record<string, string>;
  protocol?: 'rest' | 'grpc';
  url?: string;
}): Promise<unknown> {
  const connection = connectEngine({
    name: 'triton',
    url,
    protocol,
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

describe('an engine that speaks TLS and gRPC', () => {
  const start = async (certificate: CertificateFiles) => {
    const grpc = new Server();
    const definition = {
      path: '/inference.GRPCInferenceService/ModelReady',
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    };
    const answer = messageType('inference.ModelReadyResponse').encode({ ready: true });
    const ModelReady: handleUnaryCall<Buffer, Buffer> = ({ metadata }, callback) => {
      if (metadata.get('authorization')[0] === 'Bearer word') return callback(null, answer);
      callback({ code: status.UNAUTHENTICATED, details: 'who is there?' });
    };
    grpc.addService({ ModelReady: definition }, { ModelReady });
    const { key, cert } = keyed(certificate);
    const pair = [{ private_key: key, cert_chain: Buffer.from(cert) }];
    const bound = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, pair), (error, given) =>
        error === null ? resolve(given) : reject(error),
      ),
    );
    return {
      url: `https://127.0.0.1:${bound}`,
      protocol: 'grpc' as const,
      close: () => grpc.forceShutdown(),
    };
  };

  test('is believed and hears the headers as over REST', async () => {
    const { close, ...engine } = await start(certificates.good);
    const { certFile: caFile } = certificates.good;
    expect(await ready({ ...engine, caFile })).toBe(true);
    expect(await ready({ ...engine, caFile, headers: {} })).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringContaining('(gRPC UNAUTHENTICATED): who is there?'),
    });
    close();
  });

  test.each([
    ['is of none in ca_file', certificates.good, certificates.other, /self-signed/, /ca_file/],
    ['has expired', certificates.expired, certificates.expired, /expired/, /Renew/],
    ['is of another host', certificates.elsewhere, certificates.elsewhere, /does not match/, /url/],
  ])('is not where its certificate %s', async (_, certificate, trusted, message, hint) => {
    const { close, ...engine } = await start(certificate);
    expect(await ready({ ...engine, caFile: trusted.certFile })).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    close();
  });
});
