import { httpOperation } from './operations.ts';

const protocol = 'Open Inference Protocol';
const call = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }] };

export const openInferenceOperations = [
  httpOperation(protocol, 'READ', 'GET', '/v2'),
  httpOperation(protocol, 'READ', 'POST', '/v2/repository/index', {}),
  ...['/v2/models/m', '/v2/models/m/versions/1'].flatMap((path) => [
    httpOperation(protocol, 'READ', 'GET', path),
    httpOperation(protocol, 'READ', 'GET', `${path}/ready`),
    httpOperation(protocol, 'PREDICT', 'POST', `${path}/infer`, call),
  ]),
];
