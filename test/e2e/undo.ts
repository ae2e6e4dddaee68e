import { expect } from 'vitest';
import type { TestServer, ToolOutput } from './client.ts';

/** The calls that a text on undoing names, in order: `Call TOOL with {…}, then TOOL with {…}.` */
export function callsIn(undo: string): { tool: string; given: Record<string, unknown> }[] {
  return [...undo.matchAll(/\b([a-z]+_[a-z_]+) with (?=\{)/g)].map((found) => ({
    tool: found[1] ?? '',
    given: JSON.parse(objectAt(undo, found.index + found[0].length)),
  }));
}

/** The JSON object that begins at a place of a text. */
function objectAt(text: string, start: number): string {
  for (let end = text.indexOf('}', start); end !== -1; end = text.indexOf('}', end + 1)) {
    const object = text.slice(start, end + 1);
    try {
      JSON.parse(object);
      return object;
    } catch {
      // It goes on behind a further bracket.
    }
  }
  throw new Error(`No object is at ${start} of ${text}`);
}

/** Makes the calls that an answer's undo names, each of which must succeed. */
export async function undo(server: TestServer, answer: { undo?: string | undefined }): Promise<void> {
  const calls = callsIn(answer.undo ?? '');
  expect(calls, `calls in ${JSON.stringify(answer.undo)}`).not.toEqual([]);
  for (const { tool, given } of calls) {
    const result = await server.attempt(tool, given);
    expect(result.isError, `${tool}: ${JSON.stringify(result.content)}`).not.toBe(true);
  }
}

/** What a model's undone changes must leave as it was. */
export async function standing(server: TestServer, modelId: string) {
  const {
    traffic: { active_version, weights, shadow_version, sticky, deployed_versions },
    versions,
    aliases,
    tags,
    description,
    gates,
  }: ToolOutput<'get_model'> = await server.call('get_model', {
    model_id: modelId,
    response_format: 'detailed',
  });
  return {
    traffic: { active_version, weights, shadow_version, sticky, deployed: deployed_versions.toSorted() },
    facts: versions
      .map((one) => ({
        version: one.version,
        stage: one.stage,
        description: one.description,
        author: one.author,
        tags: one.tags,
        metrics: one.metrics,
        hyperparameters: one.hyperparameters,
        parents: one.parent_versions,
      }))
      .toSorted((a, b) => (a.version < b.version ? -1 : 1)),
    aliases,
    tags,
    description,
    gates,
  };
}
