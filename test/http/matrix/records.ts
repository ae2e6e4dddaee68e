import { httpOperation } from './operations.ts';

export const recordOperations = [
  httpOperation('health', 'none', 'GET', '/v2/health/live'),
  httpOperation('health', 'none', 'GET', '/v2/health/ready'),
  httpOperation('records', 'PREDICT', 'POST', '/v1/models/m/predict', { inputs: [{ a: 1 }] }),
  httpOperation('records', 'WRITE', 'POST', '/v1/models/m/outcomes', {
    outcomes: [{ prediction_id: 'one', actual: 1 }],
  }),
];

export const fileOperations = [
  httpOperation('files', 'READ', 'GET', '/v1/files'),
  httpOperation('files', 'READ', 'GET', '/v1/files/one'),
  httpOperation('files', 'WRITE', 'PUT', '/v1/files/one', { a: 1 }),
  httpOperation('files', 'WRITE', 'DELETE', '/v1/files/one'),
];
