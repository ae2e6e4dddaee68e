import { ModelYardError } from '../errors.ts';
import type { Services } from '../services.ts';

export type Facts = Record<string, unknown>;

/** How a resource comes by what it shows: by the one way of all calls, with its rules. */
export interface Reading {
  /** The facts of a tool's answer. @throws ModelYardError as the answer tells it */
  tool(name: string, given: Facts): Promise<Facts>;
  /** What a service knows. @throws ModelYardError */
  ask<T>(question: (services: Services) => Promise<T>): Promise<T>;
}

/** What cannot be had stands as its error beside the rest; that the caller went away ends all. */
export async function orFault(facts: Promise<Facts>, beside: Facts = {}): Promise<Facts> {
  try {
    return await facts;
  } catch (thrown) {
    if (!(thrown instanceof ModelYardError) || thrown.code === 'CANCELLED') throw thrown;
    const { code, message, hint, retryable } = thrown;
    return { ...beside, error: { code, message, hint, retryable } };
  }
}
