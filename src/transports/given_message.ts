import type { JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';

/** Some clients write null for parameters and arguments that they have not. */
export function withoutEmpty(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || !('params' in message)) return message;
  const { params, ...rest } = message;
  if (params === null) return rest;
  if (typeof params !== 'object' || !('arguments' in params) || params.arguments !== null) return message;
  const { arguments: _, ...others } = params;
  return { ...rest, params: others };
}

/** Whether a value is a request, by its envelope. */
export function isRequest(value: unknown): value is JSONRPCRequest {
  return (
    typeof value === 'object' &&
    value !== null &&
    'jsonrpc' in value &&
    value.jsonrpc === '2.0' &&
    'method' in value &&
    typeof value.method === 'string' &&
    'id' in value &&
    (typeof value.id === 'string' || typeof value.id === 'number') &&
    (!('params' in value) || (typeof value.params === 'object' && value.params !== null))
  );
}
