import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Caller, may, roles } from '../../../src/access/roles.ts';
import { scratchDirectory } from '../../e2e/environment.ts';
import { createToken, startHttpServer, type TestHttpServer } from '../http_server.ts';
import { mcpOperations } from './mcp.ts';
import { metricsOperations } from './metrics.ts';
import { mlflowScoringOperations } from './mlflow_scoring.ts';
import { openInferenceOperations } from './open_inference.ts';
import type { MatrixOperation } from './operations.ts';
import { pageOperations } from './page.ts';
import { fileOperations, recordOperations } from './records.ts';

/** Every operation of every protocol: who adds one adds it here. */
const operations: readonly MatrixOperation[] = [
  ...metricsOperations,
  ...pageOperations,
  ...recordOperations,
  ...fileOperations,
  ...openInferenceOperations,
  ...mcpOperations,
  ...mlflowScoringOperations,
];

/** Whether the caller may do what the permission stands for; undefined: a caller without a token where tokens exist. */
function mayDo({ permission }: MatrixOperation, caller: Caller | undefined): 'allowed' | 'refused' {
  if (permission === 'none') return 'allowed';
  return caller !== undefined && may(caller, permission) ? 'allowed' : 'refused';
}

describe('with tokens, a caller may do what its role may, and nothing without one', () => {
  const scratch = scratchDirectory();
  const tokens = new Map<string, string>();
  let server: TestHttpServer;
  beforeAll(async () => {
    for (const role of roles) tokens.set(role, createToken(scratch.path, role, role));
    server = await startHttpServer({ directory: scratch.path, flags: ['--grpc-port', '0'] });
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });

  describe.each(roles)('%s', (role) => {
    test.each(operations)('$protocol: $name', async (operation) => {
      expect(await operation.attempt(server, tokens.get(role))).toBe(
        mayDo(operation, { role, readOnly: false }),
      );
    });
  });

  test.each(operations)('without a token: $protocol: $name', async (operation) => {
    expect(await operation.attempt(server, undefined)).toBe(mayDo(operation, undefined));
  });
});

describe('without tokens, this machine may read and predict', () => {
  let server: TestHttpServer;
  beforeAll(async () => {
    server = await startHttpServer({ flags: ['--grpc-port', '0'] });
  });
  afterAll(() => server.close());

  test.each(operations)('$protocol: $name', async (operation) => {
    expect(await operation.attempt(server, undefined)).toBe(
      mayDo(operation, { role: 'client', readOnly: true }),
    );
  });
});

describe('a read-only server changes nothing for anybody', () => {
  const scratch = scratchDirectory();
  let [server, token]: [TestHttpServer | undefined, string] = [undefined, ''];
  beforeAll(async () => {
    token = createToken(scratch.path, 'admin', 'admin');
    server = await startHttpServer({ directory: scratch.path, flags: ['--read-only', '--grpc-port', '0'] });
  });
  afterAll(async () => {
    await server?.close();
    scratch.remove();
  });

  test.each(operations)('$protocol: $name', async (operation) => {
    expect(await operation.attempt({ url: server?.url ?? '', grpcPort: server?.grpcPort }, token)).toBe(
      mayDo(operation, { role: 'admin', readOnly: true }),
    );
  });
});
