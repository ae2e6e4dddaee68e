import type { OpenedFile } from '../files/file_access.ts';
import type { FileRef } from '../files/opened_file.ts';
import type { Artifact } from '../storage/artifact.ts';
import type { TensorSpec } from './signature.ts';

/** What registration needs to know about a model file; serving implements it by loading the file. */
export interface ModelInspector {
  /**
   * A model file with its external tensors inside.
   *
   * @throws ARTIFACT_INVALID when the tensors are missing; LIMIT_EXCEEDED; CANCELLED
   */
  wholeFile(file: OpenedFile, signal?: AbortSignal): Promise<WholeFile>;
  /** @throws ARTIFACT_INVALID when the file is not a model that can be served; TIMEOUT; ENGINE_CRASHED. */
  inspect(artifact: Artifact): Promise<Inspection>;
}

/** A model in one file; `remove` deletes the file where it was made for this purpose. */
export interface WholeFile {
  file: FileRef;
  remove(): Promise<void>;
}

/** An output; `raw` when its values are unbounded (sums, distances), so that it cannot be a probability. */
export type InspectedOutput = TensorSpec & { raw?: true };

/** What a file says about how it was made. */
export interface ModelOrigin {
  /** The software that wrote it, with its version; null where it does not say. */
  producer: string | null;
  /** Operator sets and their versions; "" is ONNX's default. */
  opsets: [domain: string, version: number][];
}

export interface Inspection extends ModelOrigin {
  inputs: TensorSpec[];
  outputs: InspectedOutput[];
  warnings: string[];
  /** By input, which of its columns accept missing values. */
  nullable?: ReadonlyMap<string, readonly boolean[]> | undefined;
  /** By input and column, the category that replaced missing values in training; null where there is none. */
  missingCategories?: ReadonlyMap<string, readonly (string | null)[]> | undefined;
}
