import { expect } from 'vitest';
import { z } from 'zod';
import { hashOf } from '../../src/access/audit.ts';
import type { Database } from '../../src/storage/database.ts';

const told = z.looseObject({ stage: z.string().optional(), production: z.string().nullish() });

/**
 * Everything that must hold of a registry at any moment, whatever was done to it and whoever was killed at it:
 * the stages are what their history says, nobody shares production, who came in put the one before out in the
 * same step, and the audit trail is whole and tells of every step.
 * @param traffic whether the model's traffic has always been moved with its production.
 */
export async function expectWhole(database: Database, options: { traffic: boolean }): Promise<void> {
  // One transaction, so that all is seen at one moment.
  const { versions, steps, routes, audit, head } = await database
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (transaction) => ({
      versions: await transaction.selectFrom('versions').selectAll().execute(),
      steps: await transaction
        .selectFrom('stage_transitions')
        .selectAll()
        .orderBy('revision')
        .orderBy('transition_id')
        .execute(),
      routes: await transaction.selectFrom('routes').selectAll().execute(),
      audit: await transaction.selectFrom('audit_entries').selectAll().orderBy('sequence').execute(),
      head: await transaction.selectFrom('audit_head').selectAll().executeTakeFirstOrThrow(),
    }));

  for (const { model_id, version, stage, transitions } of versions) {
    const own = steps
      .filter((step) => step.model_id === model_id && step.version === version)
      .sort((a, b) => a.sequence - b.sequence);
    expect(own.map(({ sequence }) => sequence)).toEqual(own.map((_, index) => index + 1));
    expect(own.map((step) => step.from_stage)).toEqual(
      ['development', ...own.map((step) => step.to_stage)].slice(0, own.length),
    );
    expect([own.length, own.at(-1)?.to_stage ?? 'development']).toEqual([transitions, stage]);
  }

  for (const modelId of new Set(versions.map(({ model_id }) => model_id))) {
    let production: string | undefined;
    const own = steps.filter((step) => step.model_id === modelId);
    for (const revision of new Set(own.map((step) => step.revision))) {
      const together = own.filter((step) => step.revision === revision);
      const left = together.find((step) => step.from_stage === 'production');
      const came = together.find((step) => step.to_stage === 'production');
      // Who comes in puts the one before out in the same step; nobody else leaves.
      if (left !== undefined || came !== undefined) {
        expect(left?.version, `${modelId}, revision ${revision}`).toBe(production);
        production = came?.version;
      }
      expect(together.length).toBeLessThanOrEqual(2);
    }
    const inProduction = versions.filter((row) => row.model_id === modelId && row.stage === 'production');
    expect(inProduction.map(({ version }) => version)).toEqual(production === undefined ? [] : [production]);
    const route = routes.find((row) => row.model_id === modelId);
    if (options.traffic && production !== undefined) expect(route?.active_version).toBe(production);
  }

  let previous = '0'.repeat(64);
  audit.forEach((entry, index) => {
    const { hash, ...rest } = entry;
    expect([rest.sequence, rest.previous_hash, hash]).toEqual([index + 1, previous, hashOf(rest)]);
    previous = hash;
  });
  expect([head.sequence, head.hash]).toEqual([audit.length, previous]);
  const stepsTold = audit.filter(
    ({ action, outcome, after }) =>
      outcome === 'done' &&
      ['promote_model', 'rollback_model', 'start_rollout'].includes(action) &&
      isStep(told.parse(JSON.parse(after ?? '{}'))),
  );
  expect(stepsTold).toHaveLength(new Set(steps.map((step) => `${step.model_id} ${step.revision}`)).size);
}

function isStep({ stage, production }: z.output<typeof told>): boolean {
  return stage !== undefined || typeof production === 'string';
}
