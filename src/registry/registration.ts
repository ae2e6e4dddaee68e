import type { Transaction } from 'kysely';
import type { Origin } from '../access/origin.ts';
import type { Tables } from '../storage/schema.ts';
import type { VersionRecord } from './version_record.ts';

/** What a caller says about a version; all but the identifiers and the source is descriptive. */
export interface Registration {
  modelId: string;
  version: string;
  source: string;
  featureNames?: string[] | undefined;
  classLabels?: string[] | undefined;
  framework?: string | undefined;
  algorithm?: string | undefined;
  metrics?: Record<string, number> | undefined;
  hyperparameters?: Record<string, unknown> | undefined;
  tags?: Record<string, string> | undefined;
  description?: string | undefined;
  author?: string | undefined;
  /** `version`, or `model:version` of another model. */
  parentVersion?: string | undefined;
  /** The file itself, where the source names another place from which it was downloaded. */
  file?: string | undefined;
  /** Feature names that come with the file, used where the caller gives none and they fit. */
  suggestedFeatureNames?: string[] | undefined;
  /** Further writes in the transaction that creates the record. */
  also?: ((transaction: Transaction<Tables>) => Promise<void>) | undefined;
}

/** Called with the progress of a download, where the source is not a local file. */
type Downloaded = (receivedBytes: number, totalBytes: number) => void;

/**
 * Registers a version from any source.
 *
 * @throws as registerVersion
 */
export type Register = (
  registration: Registration,
  origin: Origin,
  signal?: AbortSignal,
  downloaded?: Downloaded,
) => Promise<{ record: VersionRecord; created: boolean }>;

/** Fetches a source that is not a local file before `register` is called, and removes the file afterwards. */
export type WithFile = <T>(
  registration: Registration,
  register: (whole: Registration) => Promise<T>,
  downloaded?: Downloaded,
  signal?: AbortSignal,
) => Promise<T>;
