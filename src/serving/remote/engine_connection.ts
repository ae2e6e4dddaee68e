import type { NamedTensors } from '../engine/protocol.ts';
import type { ModelMetadata } from './compare_signature.ts';
import type { Refusal } from './engine_errors.ts';
import type { Place } from './placed_name.ts';
import type { ServedFiles } from './served_files.ts';

/** What an engine answered to a run: outputs, or why it could not. */
type RunAnswer = { outputs: NamedTensors } | { refusal: Refusal };

/** A model as it is sent to an engine: Triton's configuration of it, and its files. */
export interface PushedModel {
  config: unknown;
  files: ServedFiles['files'];
}

/** An engine as the Open Inference Protocol has it, with the binary tensor and the model repository extensions. */
export interface EngineConnection {
  /** Whether the engine itself is ready. */
  isUp(signal: AbortSignal): Promise<boolean>;
  isReady(place: Place, signal: AbortSignal): Promise<boolean>;
  metadata(place: Place, signal: AbortSignal): Promise<ModelMetadata>;
  /** How many instances a model has, where the engine says it (Triton does). */
  instances(place: Place, signal: AbortSignal): Promise<number | undefined>;
  /** @throws what the connection does wrong, also an answer that is none of the protocol */
  run(
    place: Place,
    tensors: NamedTensors,
    outputs: readonly string[],
    signal: AbortSignal,
  ): Promise<RunAnswer>;
  /** @param model what is sent of it; undefined: the engine has it in its folder */
  load(name: string, model: PushedModel | undefined, signal: AbortSignal): Promise<void>;
  /** A model that is not there is unloaded. */
  unload(name: string, signal: AbortSignal): Promise<void>;
  close(): void;
}
