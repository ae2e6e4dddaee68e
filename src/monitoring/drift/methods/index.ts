import type { CategoricalProfile, NumericProfile } from '../../reference/profile.ts';
import { chiSquareMethod } from './chi_square.ts';
import { jsDistanceMethod } from './js_distance.ts';
import { klDivergenceMethod } from './kl_divergence.ts';
import { ksTestMethod } from './ks_test.ts';
import type { Measurement } from './method.ts';
import { psiMethod } from './psi.ts';
import { wassersteinMethod } from './wasserstein.ts';

/**
 * All methods by name. A new one is a file beside this one and its line here: the type, the tool's argument, verdicts,
 * severities and charts follow (the guide's table is checked by a test).
 */
export const driftMethods = {
  [ksTestMethod.name]: ksTestMethod,
  [psiMethod.name]: psiMethod,
  [klDivergenceMethod.name]: klDivergenceMethod,
  [jsDistanceMethod.name]: jsDistanceMethod,
  [wassersteinMethod.name]: wassersteinMethod,
  [chiSquareMethod.name]: chiSquareMethod,
};

export type DriftMethod = keyof typeof driftMethods;

/** The names of all methods, as the tool's argument lists them. */
export const driftMethodNames: readonly DriftMethod[] = Object.values(driftMethods).map(({ name }) => name);

/** The method for a kind of feature: `auto` chooses a test. */
export function methodFor(
  kind: 'numeric' | 'categorical' | 'boolean',
  method: 'auto' | DriftMethod,
): DriftMethod {
  if (method !== 'auto') return method;
  return kind === 'numeric' ? ksTestMethod.name : chiSquareMethod.name;
}

/** Whether a method is judged by a p-value; `auto` is. */
export function isTest(method: 'auto' | DriftMethod): boolean {
  return method === 'auto' || driftMethods[method].kind === 'test';
}

/** Compares a numeric feature; see {@link Method.measureNumbers}. */
export function measureNumbers(
  reference: NumericProfile,
  current: Float64Array,
  method: DriftMethod,
): Measurement<DriftMethod> {
  return driftMethods[method].measureNumbers(reference, current);
}

/** Compares a categorical or boolean feature, by chi_square where the method needs numbers. */
export function measureCategories(
  reference: CategoricalProfile,
  current: ReadonlyMap<string, number>,
  method: DriftMethod,
): Measurement<DriftMethod> {
  const { measureCategories: measure } = driftMethods[method];
  if (measure !== undefined) return measure(reference, current);
  const note = `${method} needs numbers: chi_square used instead.`;
  const measured = chiSquareMethod.measureCategories(reference, current);
  return { ...measured, note: measured.note === undefined ? note : `${note} ${measured.note}` };
}
