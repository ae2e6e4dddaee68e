import { httpOperation } from './operations.ts';

export const recordOperations = [
  httpOperation('health', 'none', 'GET', '/v2/health/live'),
  httpOperation('health', 'none', 'GET', '/v2/health/ready'),
  httpOperation('records', 'PREDICT', 'POST', '/v1/models/m/predict', { inputs: [{ a: 1 }] }),
  httpOperation('records', 'WRITE', 'POST', '/v1/models/m/outcomes', {
    outcomes: [{ prediction_id: 'one', actual: 1 }],
  }),
];
