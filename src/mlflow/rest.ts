import { z } from 'zod';
import type { Connection } from './connection.ts';
import { isMissing, isTaken, MlflowError } from './mlflow_error.ts';
import {
  type LoggedModel,
  loggedModel,
  type ModelVersion,
  modelVersion,
  type RegisteredModel,
  type Run,
  registeredModel,
  run,
  runPage,
  versionPage,
} from './rest_answers.ts';

const nothing = z.object({});

export interface Metric {
  key: string;
  /** NaN where the metric was removed. */
  value: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  step: number;
}

export interface Batch {
  params?: readonly (readonly [string, string])[];
  tags?: readonly (readonly [string, string])[];
  metrics?: readonly Metric[];
}

export type Rest = ReturnType<typeof restOf>;

/** The part of MLflow's REST interface (2.0) that is used. Every call throws MlflowError when it fails, CANCELLED by the signal. */
export function restOf(connection: Connection, signal?: AbortSignal) {
  const api = '/api/2.0/mlflow';
  const get = <S extends z.ZodType>(schema: S, path: string, query: Record<string, string>) =>
    connection.json(schema, { method: 'GET', path: `${api}/${path}`, query, signal });
  const send = <S extends z.ZodType>(
    schema: S,
    path: string,
    body: Record<string, unknown>,
    method: 'POST' | 'PATCH' | 'DELETE' = 'POST',
  ) => connection.json(schema, { method, path: `${api}/${path}`, body, signal });
  const keyed = (tags: readonly (readonly [string, string])[]) =>
    tags.map(([key, value]) => ({ key, value }));

  const findExperiment = async (name: string) => {
    try {
      const found = await get(
        z.object({ experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string() }) }),
        'experiments/get-by-name',
        { experiment_name: name },
      );
      if (found.experiment.lifecycle_stage === 'deleted')
        throw new MlflowError('refused', `MLflow: the experiment ${name} was deleted there.`);
      return found.experiment.experiment_id;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  const searchVersions = async (filter: string) => {
    const found: ModelVersion[] = [];
    let token = '';
    do {
      const page: z.output<typeof versionPage> = await get(versionPage, 'model-versions/search', {
        filter,
        max_results: '200',
        ...(token !== '' && { page_token: token }),
      });
      found.push(...page.model_versions);
      token = page.next_page_token;
    } while (token !== '');
    return found.sort((a, b) => a.version - b.version);
  };

  const searchRuns = async (experiment: string, filter: string): Promise<Run[]> => {
    const found: Run[] = [];
    let token = '';
    do {
      const page: z.output<typeof runPage> = await send(runPage, 'runs/search', {
        experiment_ids: [experiment],
        filter,
        max_results: 1000,
        ...(token !== '' && { page_token: token }),
      });
      found.push(...page.runs);
      token = page.next_page_token;
    } while (token !== '');
    return found.sort((a, b) => (a.info.run_id < b.info.run_id ? -1 : 1));
  };

  const readRun = async (runId: string) => (await get(z.object({ run }), 'runs/get', { run_id: runId })).run;

  return {
    /** The id of the experiment with that name; undefined where there is none. */
    findExperiment,

    /** The id of the experiment with that name, which is created if missing. */
    async experiment(name: string): Promise<string> {
      const found = await findExperiment(name);
      if (found !== undefined) return found;
      try {
        const made = await send(z.object({ experiment_id: z.string() }), 'experiments/create', { name });
        return made.experiment_id;
      } catch (error) {
        const other = isTaken(error) ? await findExperiment(name) : undefined;
        if (other === undefined) throw error;
        return other;
      }
    },

    run: readRun,
    /** undefined: there is no such run. */
    async findRun(runId: string): Promise<Run | undefined> {
      try {
        return await readRun(runId);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    /** Runs with the tag, in the order of their ids. */
    runsTagged: (experiment: string, key: string, value: string) =>
      searchRuns(experiment, `tags.\`${key}\` = '${value}'`),
    /** Runs whose tag matches an SQL pattern, in which % is any text. */
    runsTaggedLike: (experiment: string, key: string, pattern: string) =>
      searchRuns(experiment, `tags.\`${key}\` LIKE '${pattern}'`),
    async createRun(experiment: string, name: string, startTime: number, tags: Record<string, string>) {
      const made = await send(z.object({ run }), 'runs/create', {
        experiment_id: experiment,
        run_name: name,
        start_time: startTime,
        tags: keyed(Object.entries(tags)),
      });
      return made.run;
    },
    deleteRun: (runId: string) => send(nothing, 'runs/delete', { run_id: runId }),
    endRun: (runId: string, status: 'FINISHED' | 'FAILED' | 'KILLED', endTime: number) =>
      send(z.unknown(), 'runs/update', { run_id: runId, status, end_time: endTime }),
    logBatch: (runId: string, { params = [], tags = [], metrics = [] }: Batch) =>
      send(nothing, 'runs/log-batch', {
        run_id: runId,
        params: keyed(params),
        tags: keyed(tags),
        metrics: metrics.map(({ value, ...metric }) => ({
          ...metric,
          value: Number.isNaN(value) ? 'NaN' : value,
        })),
      }),

    /** undefined: the server does not support logged models. */
    async loggedModel(modelId: string): Promise<LoggedModel | undefined> {
      try {
        const path = `logged-models/${encodeURIComponent(modelId)}`;
        return (await get(z.object({ model: loggedModel }), path, {})).model;
      } catch (error) {
        // A server that does not know the path answers with a page; a missing model is reported as JSON.
        if (error instanceof MlflowError && error.status === 404 && error.errorCode === undefined)
          return undefined;
        throw error;
      }
    },

    /** Whether the server answers at all. */
    ping: () =>
      get(z.object({ registered_models: z.array(z.unknown()).default([]) }), 'registered-models/search', {
        max_results: '1',
      }),
    /** undefined: there is no such model. */
    async registeredModel(name: string): Promise<RegisteredModel | undefined> {
      try {
        const found = await get(z.object({ registered_model: registeredModel }), 'registered-models/get', {
          name,
        });
        return found.registered_model;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    createModel: (name: string, tags: Record<string, string>) =>
      send(z.unknown(), 'registered-models/create', { name, tags: keyed(Object.entries(tags)) }),
    describeModel: (name: string, description: string) =>
      send(z.unknown(), 'registered-models/update', { name, description }, 'PATCH'),
    tagModel: (name: string, key: string, value: string) =>
      send(nothing, 'registered-models/set-tag', { name, key, value }),
    untagModel: (name: string, key: string) =>
      send(nothing, 'registered-models/delete-tag', { name, key }, 'DELETE'),
    setAlias: (name: string, alias: string, version: number) =>
      send(nothing, 'registered-models/alias', { name, alias, version: String(version) }),
    deleteAlias: (name: string, alias: string) =>
      send(nothing, 'registered-models/alias', { name, alias }, 'DELETE'),

    versionsOf: (name: string) => searchVersions(`name='${name}'`),
    versionByAlias: async (name: string, alias: string) =>
      (await get(z.object({ model_version: modelVersion }), 'registered-models/alias', { name, alias }))
        .model_version,
    version: async (name: string, version: number) =>
      (
        await get(z.object({ model_version: modelVersion }), 'model-versions/get', {
          name,
          version: String(version),
        })
      ).model_version,
    downloadUri: async (name: string, version: number) =>
      (
        await get(z.object({ artifact_uri: z.string() }), 'model-versions/get-download-uri', {
          name,
          version: String(version),
        })
      ).artifact_uri,
    async createVersion(
      name: string,
      facts: { source: string; runId: string; description: string; tags: Record<string, string> },
    ): Promise<ModelVersion> {
      const made = await send(z.object({ model_version: modelVersion }), 'model-versions/create', {
        name,
        source: facts.source,
        run_id: facts.runId,
        description: facts.description,
        tags: keyed(Object.entries(facts.tags)),
      });
      return made.model_version;
    },
    describeVersion: (name: string, version: number, description: string) =>
      send(z.unknown(), 'model-versions/update', { name, version: String(version), description }, 'PATCH'),
    tagVersion: (name: string, version: number, key: string, value: string) =>
      send(nothing, 'model-versions/set-tag', { name, version: String(version), key, value }),
    untagVersion: (name: string, version: number, key: string) =>
      send(nothing, 'model-versions/delete-tag', { name, version: String(version), key }, 'DELETE'),
    moveVersion: (name: string, version: number, stage: string) =>
      send(z.unknown(), 'model-versions/transition-stage', {
        name,
        version: String(version),
        stage,
        archive_existing_versions: false,
      }),
    deleteVersion: (name: string, version: number) =>
      send(nothing, 'model-versions/delete', { name, version: String(version) }, 'DELETE'),
  };
}
