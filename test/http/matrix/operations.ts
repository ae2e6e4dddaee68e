import type { Permission } from '../../../src/access/roles.ts';
import { bearer } from '../http_server.ts';

/** Something that can be asked of a server over HTTP, for the matrix of who may do what. */
export interface MatrixOperation {
  protocol: string;
  name: string;
  /** What a caller must be allowed; `none`: anybody may. */
  permission: Permission | 'none';
  /**
   * Asks, as the caller with that token (undefined: none).
   * @returns whether the server let the caller do it: `allowed` also for an answer that says why it cannot be done
   */
  attempt(
    server: { url: string; grpcPort?: number | undefined },
    token: string | undefined,
  ): Promise<'allowed' | 'refused'>;
}

/** Asks over plain HTTP: 401 and 403 refuse, all else allows. */
export function httpOperation(
  protocol: string,
  permission: MatrixOperation['permission'],
  method: string,
  path: string,
  body?: unknown,
): MatrixOperation {
  return {
    protocol,
    name: `${method} ${path}`,
    permission,
    async attempt({ url }, token) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...bearer(token),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      await response.arrayBuffer();
      if (response.status >= 500 && response.status !== 503)
        throw new Error(`${method} ${path}: ${response.status}`);
      return response.status === 401 || response.status === 403 ? 'refused' : 'allowed';
    },
  };
}
