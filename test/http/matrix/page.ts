import { httpOperation } from './operations.ts';

export const pageOperations = [
  httpOperation('page', 'none', 'GET', '/'),
  httpOperation('page', 'none', 'GET', '/page/page.js'),
  httpOperation('page', 'READ', 'GET', '/v1/overview'),
  httpOperation('page', 'READ', 'GET', '/v1/overview/models'),
];
