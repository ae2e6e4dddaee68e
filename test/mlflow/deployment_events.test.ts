import { expect, test } from 'vitest';
import { deploymentEvent } from '../../src/mlflow/deployment_events.ts';

const weights = [['a', 1]];
const entry = (fields: object) => ({
  action: 'deploy_model',
  version: 'a',
  outcome: 'done',
  after: null,
  detail: null,
  ...fields,
});
const after = (value: unknown) => entry({ after: JSON.stringify(value) });

test.each([
  [
    'a deployment',
    after({ deployed: true, route: { weights, sticky: true } }),
    { kind: 'deployed', version: 'a', route: { weights, sticky: true } },
  ],
  [
    'a deployment beside no other',
    after({ deployed: true }),
    { kind: 'deployed', version: 'a', route: undefined },
  ],
  [
    'a deployment that failed',
    entry({ outcome: 'TIMEOUT', detail: 'why' }),
    { kind: 'failed', version: 'a', code: 'TIMEOUT', detail: 'why' },
  ],
  [
    'a retirement',
    after({ deployed: false, route: { weights } }),
    { kind: 'retired', version: 'a', route: { weights } },
  ],
  [
    'traffic',
    after({ activeVersion: 'a', weights, sticky: false, shadowVersion: 'b' }),
    { kind: 'traffic', route: { weights, sticky: false, shadowVersion: 'b' } },
  ],
  [
    'a promotion with the traffic',
    after({ stage: 'production', archived: [], activated: true }),
    { kind: 'traffic', route: { weights } },
  ],
  [
    'a rollback with the traffic',
    after({ production: 'a', active: 'a' }),
    { kind: 'traffic', route: { weights } },
  ],
  ['a promotion alone', after({ stage: 'production', archived: [], activated: false }), undefined],
  ['a rollback of the stage', after({ production: 'a', active: null }), undefined],
  ['a registration', after({ stage: 'development', artifact_sha256: '0' }), undefined],
  ['a refused promotion', entry({ action: 'promote_model', outcome: 'GATE_FAILED' }), undefined],
  ['what was too long to be told', after({ characters: 9999, sha256: '0' }), undefined],
])('%s', (_, given, event) => {
  expect(deploymentEvent(given)).toEqual(event);
});
