import { addresses } from './address.ts';

const mimeType = 'application/json';

/** The resources that there always are. */
export const fixedResources = [
  {
    uri: addresses.models(),
    name: 'models',
    title: 'Models',
    description:
      'All models by name, each with its address, its versions and the one that answers; 100 a page.',
    mimeType,
  },
  {
    uri: addresses.rollouts,
    name: 'rollouts',
    title: 'Rollouts',
    description: 'Rollouts under way, then the last ones: step, decisions, evidence, what each waits for.',
    mimeType,
  },
  {
    uri: addresses.alerts(),
    name: 'alerts',
    title: 'Alerts',
    description: 'Alerts, newest first, resolved ones too; 100 a page.',
    mimeType,
  },
];

/** The forms of URIs that can be read besides. */
export const resourceTemplates = [
  {
    uriTemplate: 'modelyard://models/{model_id}',
    name: 'model',
    title: 'Model',
    description: "A model's versions, traffic, lineage, stage history and open alerts.",
    mimeType,
  },
  {
    uriTemplate: 'modelyard://models/{model_id}/versions/{version}',
    name: 'model_card',
    title: 'Model card',
    description:
      'A version (or alias): facts, signature, metrics, lineage, stages, gates, health, drift, performance of the last week, limits as described.',
    mimeType,
  },
  {
    uriTemplate: 'modelyard://models/{model_id}/health',
    name: 'model_health',
    title: 'Health of a model',
    description: 'Status, circuit breakers, calls, errors and latency of its deployed versions.',
    mimeType,
  },
  {
    uriTemplate: 'modelyard://models/{model_id}/drift/latest',
    name: 'latest_drift',
    title: 'Latest drift of a model',
    description: 'What the watch over the prediction log measured last, by version.',
    mimeType,
  },
  {
    uriTemplate: 'modelyard://models{?cursor}',
    name: 'models_page',
    title: 'Models, further pages',
    description: 'cursor: as next of the page before has it.',
    mimeType,
  },
  {
    uriTemplate: 'modelyard://alerts{?cursor}',
    name: 'alerts_page',
    title: 'Alerts, further pages',
    description: 'cursor: as next of the page before has it.',
    mimeType,
  },
];

/** A model as a resource. */
export function modelResource(modelId: string, description: string | null) {
  return {
    uri: addresses.model(modelId),
    name: modelId,
    mimeType,
    ...(description !== null && { description: shortDescription(description) }),
  };
}

/** Characters of a model's description in a list. */
const shown = 200;

function shortDescription(text: string): string {
  return text.length <= shown ? text : `${text.slice(0, shown)}…`;
}
