/** What a step does with the calls: the share of them that the candidate answers. */
export const stepKinds = ['probe', 'backtest', 'shadow', 'canary', 'full', 'production'] as const;
type StepKind = (typeof stepKinds)[number];

export interface RolloutStep {
  kind: StepKind;
  /** Weight of the candidate, 0 … 1; 0 where it answers nobody. */
  share: number;
  /** Least time of a server running, and the longest until it is held, milliseconds. */
  leastMs: number;
  longestMs: number;
  /** Calls that the candidate must have had. */
  leastCalls: number;
  /** Harm that must be ruled out to go on. */
  margins: Margins;
}

/** The least harm that matters: what is surely smaller is tolerated. */
interface Margins {
  /** More errors, as a share of the calls. */
  errorRate: number;
  /** p95 of the latency, in p95s of the incumbent, > 1. */
  p95: number;
  /** Loss in a metric that is a share, such as accuracy. */
  share: number;
  /** Loss in any other metric, as a share of the incumbent's value. */
  relative: number;
}

export interface RolloutPlan {
  steps: RolloutStep[];
  /** Metrics of outcomes that must be there; empty: the headline, where outcomes come. */
  metrics: string[];
  /** Share of rows on which a shadow that answers classes has to agree, at least. */
  leastAgreement: number;
  /** Largest distance between both versions' predictions, as of Kolmogorov and Smirnov, 0 … 1. */
  mostDrift: number;
}

/** What a caller may say of a plan; the rest is the default. */
export interface PlanChoices {
  /** Whether logged calls are replayed first, where there are some. */
  backtest: boolean;
  shadow: boolean;
  shares: readonly number[];
  leastSeconds: number;
  longestSeconds: number;
  leastCalls: number;
  margins: Margins;
  metrics: readonly string[];
  promote: boolean;
}

export const defaultChoices: PlanChoices = {
  backtest: true,
  shadow: true,
  shares: [0.05, 0.25, 0.5, 1],
  leastSeconds: 600,
  longestSeconds: 86_400,
  leastCalls: 50,
  margins: { errorRate: 0.01, p95: 1.5, share: 0.03, relative: 0.1 },
  metrics: [],
  promote: true,
};

/** Below it agreement of classes says that something is upside down, not that a model learned. */
const leastAgreement = 0.5;
const mostDrift = 0.3;

/** The steps of a rollout: probe → backtest → shadow → shares of the calls → all calls → production. */
export function makePlan(choices: PlanChoices): RolloutPlan {
  const { leastSeconds, longestSeconds, leastCalls, margins } = choices;
  const watched = { leastMs: leastSeconds * 1000, longestMs: longestSeconds * 1000, leastCalls };
  const atOnce = { share: 0, leastMs: 0, longestMs: watched.longestMs, leastCalls: 0, margins };
  return {
    steps: [
      { kind: 'probe', ...atOnce },
      ...(choices.backtest ? [{ kind: 'backtest' as const, ...atOnce }] : []),
      ...(choices.shadow ? [{ kind: 'shadow' as const, share: 0, ...watched, margins }] : []),
      ...choices.shares.map((share) =>
        share < 1
          ? { kind: 'canary' as const, share, ...watched, margins: marginsAt(margins, share) }
          : { kind: 'full' as const, share, ...watched, margins },
      ),
      ...(choices.promote ? [{ kind: 'production' as const, ...atOnce, share: 1 }] : []),
    ],
    metrics: [...choices.metrics],
    leastAgreement,
    mostDrift,
  };
}

/**
 * The smaller the share of callers that a step can harm, the larger the harm that may stay possible in it: by ½/share, so
 * that at most as many calls of all callers are harmed at any share.
 */
function marginsAt(margins: Margins, share: number): Margins {
  const scale = marginScale(share);
  return {
    errorRate: margins.errorRate * scale,
    p95: 1 + (margins.p95 - 1) * scale,
    share: margins.share * scale,
    relative: margins.relative * scale,
  };
}

function marginScale(share: number): number {
  return Math.max(1, 0.5 / share);
}

/** A p95 up to so many times the incumbent's is tolerated: that much differs between two processes of one version. */
const leastTolerated = 1.1;

/**
 * A step's limits of the p95, in p95s of the incumbent: what is slower than `tolerated` is harm, and `margin` must be
 * ruled out. Whoever allows more than the default's margin tolerates more in proportion.
 */
export function p95Limits({ margins, share }: Pick<RolloutStep, 'margins' | 'share'>) {
  const allowed = 1 + (margins.p95 - 1) / marginScale(share);
  const tolerated = Math.max(leastTolerated, (allowed * leastTolerated) / defaultChoices.margins.p95);
  return { tolerated, margin: margins.p95 };
}

/** Whether both versions answer, so that they are compared. */
export function isJudged({ kind }: Pick<RolloutStep, 'kind'>): boolean {
  return kind === 'shadow' || kind === 'canary';
}

/** `shadow`, `5 %`, `production`: as steps are called in answers. */
export function stepName({ kind, share }: Pick<RolloutStep, 'kind' | 'share'>): string {
  return kind === 'canary' || kind === 'full' ? `${Number((100 * share).toFixed(2))} %` : kind;
}
