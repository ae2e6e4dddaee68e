import { expect, test } from 'vitest';
import { checkNode } from '../../src/doctor/check_node.ts';

test.each<[string, 'ok' | 'problem']>([
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
  ['26.1.3', 'ok'],
  ['20.18.3', 'problem'],
  ['18.20.8', 'problem'],
  ['9.11.2', 'problem'],
])('Node %s: %s', (version, status) => {
  expect(checkNode(version, '/usr/bin/node')).toMatchObject({ subject: 'node', status });
});
