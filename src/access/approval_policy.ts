/**
 * Whether important changes wait for a person: `off` never (unless the model's policy says so), `ask` where the
 * client can ask, `required` always.
 */
export const approvalModes = ['off', 'ask', 'required'] as const;
export type ApprovalMode = (typeof approvalModes)[number];

/** What callers depend on: the version in production, and which versions answer. */
export interface Standing {
  production: string | undefined;
  /** Version and share of the calls; standby versions have 0. Empty where nothing answers. */
  weights: readonly (readonly [version: string, weight: number])[];
}

/** The facts about a change that the rule needs. */
export interface GuardedChange {
  before: Standing;
  after: Standing;
  /** The version that is taken out of service. */
  retires: string | undefined;
  /** Whether a gate that failed is overridden. */
  overridesGate: boolean;
  /** Whether it cannot be undone. */
  deletes: boolean;
  /** Whether the gate of the stage that a version enters requires a person's approval. */
  entryWantsPerson: boolean;
  /** Whether the model's gate for production requires it. */
  productionWantsPerson: boolean;
  /** Whether a rollout gives the incumbent back the calls that it took from it itself. */
  restores: boolean;
}

/** Who has to agree to a change: nobody, the caller again by a token, the person at the client, or any person. */
export type Needed = 'nobody' | 'token' | 'client' | 'person';

/** A change of a model that alters nothing, as a base for one that does. */
export function untouched(standing: Standing): GuardedChange {
  return {
    before: standing,
    after: standing,
    retires: undefined,
    overridesGate: false,
    deletes: false,
    entryWantsPerson: false,
    productionWantsPerson: false,
    restores: false,
  };
}

/**
 * The rule of approvals: who has to agree to a change, by the mode and by whether the client can ask its person. A
 * client that cannot ask is no reason to skip a person's word that is required.
 */
export function whoMustAgree(change: GuardedChange, mode: ApprovalMode, canAsk: boolean): Needed {
  if (gateWantsPerson(change)) return 'person';
  if (!matters(change)) return 'nobody';
  if (mode === 'required') return 'person';
  if (mode === 'ask' && canAsk) return 'client';
  return change.deletes ? 'token' : 'nobody';
}

/** Whether the model's own gates require a person's approval, whatever the mode. */
export function gateWantsPerson(change: GuardedChange): boolean {
  if (change.entryWantsPerson) return true;
  return (
    change.productionWantsPerson && (movesProduction(change) || (changesAnswers(change) && !goesBack(change)))
  );
}

/**
 * What answered before a rollout answers alone again: callers are not to be harmed until a person has time. It is no
 * way around one, since nothing is let in that was not there; where it would take calls from production it is a change
 * like any other.
 */
function goesBack(change: GuardedChange): boolean {
  return change.restores && !takesTraffic(change);
}

/**
 * Whether approvals apply to it: it concerns what serves in production, overrides a gate, or deletes something for
 * good.
 */
function matters(change: GuardedChange): boolean {
  return change.deletes || change.overridesGate || movesProduction(change) || takesTraffic(change);
}

function movesProduction({ before, after, retires }: GuardedChange): boolean {
  return before.production !== after.production || (retires !== undefined && retires === before.production);
}

/** Whether the production version answers a smaller share of the calls afterwards. */
function takesTraffic({ before, after }: GuardedChange): boolean {
  const { production } = before;
  return production !== undefined && shareOf(after, production) < shareOf(before, production) - 1e-9;
}

/**
 * Whether other versions answer callers afterwards, or with other shares. The first deployment changes no answers:
 * there were none, and no version in production that should have given them.
 */
function changesAnswers({ before, after }: GuardedChange): boolean {
  const { production } = before;
  if (before.weights.length === 0 && (production === undefined || isOnly(after, production))) return false;
  const versions = new Set([...before.weights, ...after.weights].map(([version]) => version));
  return [...versions].some(
    (version) =>
      Math.abs(shareOf(before, version) - shareOf(after, version)) > 1e-9 ||
      answers(before, version) !== answers(after, version),
  );
}

function isOnly({ weights }: Standing, version: string): boolean {
  return weights.every(([name]) => name === version);
}

/** Whether calls can reach the version without naming it; a standby version answers while breakers are open. */
function answers({ weights }: Standing, version: string): boolean {
  return weights.some(([name]) => name === version);
}

function shareOf({ weights }: Standing, version: string): number {
  return weights.reduce((share, [name, weight]) => (name === version ? share + weight : share), 0);
}
