import { httpOperation } from './operations.ts';

export const mlflowScoringOperations = [
  httpOperation('MLflow scoring', 'PREDICT', 'POST', '/models/m/invocations', { inputs: [[1]] }),
];
