import fc from 'fast-check';
import { expect, test } from 'vitest';
import { kubernetesName, nameInKubernetes } from '../../src/kubernetes/kubernetes_name.ts';

test('a name that Kubernetes takes stays', () => {
  expect(nameInKubernetes('nba-home-win')).toBe('nba-home-win');
});

test.each(['NBA', 'nba.home', 'nba_home', '2024-model', 'a'.repeat(128), 'model-', '0'])(
  '%s gets one that is taken',
  (modelId) => {
    const name = nameInKubernetes(modelId);
    expect(name).toMatch(kubernetesName);
    expect(name.length).toBeLessThanOrEqual(40);
    expect(name).not.toBe(modelId);
  },
);

test('two models never have one name', () => {
  const modelId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
  fc.assert(
    fc.property(modelId, modelId, (one, other) => {
      fc.pre(one !== other);
      expect(nameInKubernetes(one)).not.toBe(nameInKubernetes(other));
    }),
  );
  expect(new Set(['nba.home', 'nba_home', 'nba-home', 'NBA-home'].map(nameInKubernetes)).size).toBe(4);
});
