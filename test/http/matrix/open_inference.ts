import { grpcClient, type Message } from '../open_inference/grpc_client.ts';
import { httpOperation, type MatrixOperation } from './operations.ts';

const protocol = 'Open Inference Protocol';
const call = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }] };

/** Asks over gRPC: the statuses that say so refuse, all else allows. */
function grpcOperation(
  permission: MatrixOperation['permission'],
  name: string,
  message: Message,
): MatrixOperation {
  return {
    protocol: `${protocol} (gRPC)`,
    name,
    permission,
    async attempt({ grpcPort }, token) {
      const client = grpcClient(grpcPort ?? 0);
      const { status } = await client.call(name, message, { token });
      client.close();
      if (status === 'INTERNAL' || status === 'UNKNOWN') throw new Error(`${name}: ${status}`);
      return status === 'UNAUTHENTICATED' || status === 'PERMISSION_DENIED' ? 'refused' : 'allowed';
    },
  };
}

export const openInferenceOperations = [
  httpOperation(protocol, 'READ', 'GET', '/v2'),
  httpOperation(protocol, 'READ', 'POST', '/v2/repository/index', {}),
  ...['/v2/models/m', '/v2/models/m/versions/1'].flatMap((path) => [
    httpOperation(protocol, 'READ', 'GET', path),
    httpOperation(protocol, 'READ', 'GET', `${path}/ready`),
    httpOperation(protocol, 'PREDICT', 'POST', `${path}/infer`, call),
  ]),
  grpcOperation('none', 'ServerLive', {}),
  grpcOperation('none', 'ServerReady', {}),
  grpcOperation('READ', 'ServerMetadata', {}),
  grpcOperation('READ', 'ModelReady', { name: 'm' }),
  grpcOperation('READ', 'ModelMetadata', { name: 'm' }),
  grpcOperation('READ', 'RepositoryIndex', {}),
  grpcOperation('PREDICT', 'ModelInfer', {
    model_name: 'm',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [1] } }],
  }),
];
