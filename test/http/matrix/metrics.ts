import { httpOperation } from './operations.ts';

export const metricsOperations = [httpOperation('metrics', 'READ', 'GET', '/metrics')];
