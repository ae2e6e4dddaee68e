import type { Artifact } from '../storage/artifact_store.ts';
import type { TensorSpec } from './signature.ts';

/** What registration needs to know of a model file; serving implements it by loading the file. */
export interface ModelInspector {
  /** @throws ARTIFACT_INVALID when the file is not a model that can be served; TIMEOUT; ENGINE_CRASHED. */
  inspect(artifact: Artifact): Promise<Inspection>;
}

/** An output; `raw` when it is computed without bounds (sums, distances), so that it can be no probability. */
export type InspectedOutput = TensorSpec & { raw?: true };

/** What a file says of how it was made. */
export interface ModelOrigin {
  /** The software that wrote it, with its version; null where it does not say. */
  producer: string | null;
  /** Operator sets and their versions; "" is ONNX's own. */
  opsets: [domain: string, version: number][];
}

export interface Inspection extends ModelOrigin {
  inputs: TensorSpec[];
  outputs: InspectedOutput[];
  warnings: string[];
  /** By input, which of its columns take missing values. */
  nullable?: ReadonlyMap<string, readonly boolean[]> | undefined;
}
