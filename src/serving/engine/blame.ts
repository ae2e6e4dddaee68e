import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { sameOutputs } from './batching.ts';
import type { Fault } from './fault.ts';
import type { Job } from './job.ts';
import type { NamedTensors } from './protocol.ts';
import { expectedWithin } from './sharing.ts';

/** Whose fault the failed runs of one version are, by an input that it is known to run on. */
export interface Blame {
  /** Takes note of an input that the model just ran on. */
  worked(tensors: NamedTensors, runMs: number): void;
  /** Takes note of a run that answered. @param call the one call, or the first of those that shared it */
  answered(call: Pick<Job, 'tensors' | 'outputs'>, runMs: number): void;
  /** The smallest input that the model ran on. */
  knownGood(): NamedTensors | undefined;
  /**
   * Runs what is known good, unless that was done a moment ago.
   * @param isNew what it is run on was started after the failure: what was seen of another says nothing of it
   */
  ask(whom: Asked, about: { isNew: boolean }): Promise<void>;
  /** Whether the model failed on what is known good when it was asked last. */
  isBroken(): boolean;
  /** Whose fault the failure of a call is, by what was seen last. */
  fault(call: Pick<Job, 'isSearch'>): Fault;
}

/** What runs the version: a host, or an engine of another machine. */
export interface Asked {
  /** @throws what a run throws */
  run(tensors: NamedTensors, timeoutMs: number): Promise<{ runMs: number }>;
  /** Whether it ended by an error of its own. */
  endedByItself(): boolean;
}

/** How long it is remembered that the model works, or does not, on what is known good: no failure asks again meanwhile. */
const verdictMs = 5_000;
/** A larger input is not kept as known good, elements. */
const maxKnownElements = 1_000_000;
/** While no input is known to be good, so many failures are nobody's; a version that answers nothing is broken. */
const maxUnanswered = 20;

/** @param storedInput an input that the version was deployed with as one that it must run on, if there is one */
export function createBlame(
  model: { outputs: readonly TensorSpec[] },
  timeoutMs: number,
  storedInput: () => Promise<NamedTensors | undefined>,
): Blame {
  let known: { tensors: NamedTensors; elements: number; runMs: number | undefined } | undefined;
  let verdict: { works: boolean; at: number } | undefined;
  let unanswered = 0;

  function worked(tensors: NamedTensors, runMs: number): void {
    verdict = { works: true, at: performance.now() };
    const elements = elementsOf(tensors);
    if (elements <= maxKnownElements && (known === undefined || elements <= known.elements))
      known = { tensors, elements, runMs };
  }

  return {
    worked,

    answered({ tensors, outputs }, runMs) {
      unanswered = 0;
      // A run that left outputs out says nothing of them.
      if (sameOutputs(outputs, model.outputs)) worked(tensors, runMs);
    },

    knownGood: () => known?.tensors,

    async ask(whom, { isNew }) {
      if (isNew) verdict = undefined;
      else if (verdict !== undefined && performance.now() - verdict.at < verdictMs) return;
      if (known === undefined) {
        const tensors = await storedInput();
        if (tensors !== undefined) known ??= { tensors, elements: elementsOf(tensors), runMs: undefined };
      }
      if (known === undefined) return;
      const { tensors, runMs } = known;
      // The caller whose run failed waits for this as well.
      const limitMs = Math.min(timeoutMs / 2, expectedWithin(runMs ?? timeoutMs));
      let works = true;
      try {
        known.runMs = (await whom.run(tensors, limitMs)).runMs;
      } catch (error) {
        const isCrash = error instanceof ModelYardError && error.code === 'ENGINE_CRASHED';
        // Somebody ended it: that says nothing.
        if (isCrash && !whom.endedByItself()) return;
        works = false;
      }
      verdict = { works, at: performance.now() };
    },

    isBroken: () => verdict?.works === false,

    fault({ isSearch }) {
      if (known !== undefined && verdict !== undefined) return verdict.works ? 'caller' : 'model';
      if (!isSearch) unanswered++;
      return unanswered > maxUnanswered ? 'model' : 'nobody';
    },
  };
}

function elementsOf(tensors: NamedTensors): number {
  let elements = 0;
  for (const { data } of tensors.values()) elements += data.length;
  return elements;
}
