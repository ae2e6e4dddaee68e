import type { Tensor } from '../tensors/datatypes.ts';

/**
 * A call and its answer as the Open Inference Protocol (version 2) has them, whatever carries them: JSON, JSON with binary
 * tensors, or gRPC. Servers read calls and write answers, clients the other way round.
 */

/** gRPC has 64-bit integers; anything but text, numbers and booleans is not of the protocol, but some send it. */
export type Parameters = Readonly<Record<string, unknown>>;

export interface InferenceCall {
  /** The caller's name for the call, which the answer repeats. */
  id: string | undefined;
  parameters: Parameters;
  inputs: ReadonlyMap<string, Tensor>;
  /** The outputs that the caller wants; undefined: all. */
  outputs: readonly RequestedOutput[] | undefined;
  /** Members of the call that the protocol does not have; undefined: there are none. */
  unknownMembers?: readonly string[];
}

export interface RequestedOutput {
  name: string;
  parameters: Parameters;
}

export interface InferenceAnswer {
  model: string;
  version: string;
  id: string | undefined;
  /** Plain values only: typed clients take nothing else. */
  parameters: Readonly<Record<string, string | number | boolean>>;
  outputs: ReadonlyMap<string, Tensor>;
}
