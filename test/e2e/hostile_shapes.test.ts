import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { handshake, type RawServer, startRaw } from './raw_server.ts';
import { runCommand } from './running_command.ts';

/** Written as text: a client could not write it from an object either. */
const deepList = '['.repeat(100_000) + ']'.repeat(100_000);
const deepObject = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;

const answer = z.object({ error: z.object({ code: z.string(), message: z.string() }).optional() });

describe('what no client should send', () => {
  let scratch: Scratch;
  let server: RawServer;
  let next = 100;
  const call = async (tool: string, given: string): Promise<string> => {
    const id = next++;
    server.send(
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}","arguments":${given}}}`,
    );
    const { result, error } = await server.answer(id);
    expect(error).toBeUndefined();
    const { error: refused } = answer.parse(result?.structuredContent);
    return refused === undefined ? 'done' : `${refused.code}: ${refused.message}`;
  };
  beforeAll(async () => {
    scratch = scratchDirectory();
    server = startRaw({ directory: scratch.path, settings: { MODELYARD_ROLE: 'admin' } });
    server.send(...handshake);
    const source = JSON.stringify(testModel('linear_float32'));
    const features = '["constructor", "toString", "f2"]';
    expect(
      await call(
        'deploy_model',
        `{"model_id":"m","version":"1","source":${source},"feature_names":${features}}`,
      ),
    ).toBe('done');
  });
  afterAll(async () => {
    server.process.stdin?.end();
    await server.ended;
    scratch.remove();
  });

  test.each([
    ['predict', 'inputs'],
    ['predict', 'tensors'],
    ['predict', 'entity_key'],
    ['update_model', 'hyperparameters'],
    ['update_model', 'gates'],
    ['deploy_model', 'probe'],
    ['register_model', 'metrics'],
    ['set_reference_data', 'data'],
    ['detect_drift', 'current_data'],
    ['record_outcomes', 'outcomes'],
    ['set_traffic', 'weights'],
    ['search_models', 'metrics'],
  ])('%s with %s nested a hundred thousand deep, also as text', async (tool, name) => {
    for (const value of [
      deepList,
      deepObject,
      JSON.stringify(deepList),
      JSON.stringify(`[{"a":${deepObject}}]`),
    ])
      expect(await call(tool, `{"model_id":"m","version":"1","${name}":${value}}`)).toMatch(
        /^INVALID_INPUT: /,
      );
  });

  test('a file with a row nested a hundred thousand deep', async () => {
    const path = join(scratch.path, 'deep.jsonl');
    writeFileSync(
      path,
      `{"constructor":1,"toString":2,"f2":3}\n{"constructor":${deepList},"toString":2,"f2":${deepObject}}\n`,
    );
    const given = (name: string) => `{"model_id":"m","${name}":${JSON.stringify(path)}}`;
    expect(await call('predict_file', given('input_path'))).not.toMatch(/^INTERNAL/);
    expect(await call('set_reference_data', given('path'))).toMatch(/^INVALID_INPUT/);
    expect(await call('record_outcomes', given('path'))).toMatch(/^INVALID_INPUT/);
  });

  test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
    'a name %s is refused, not dropped',
    async (name) => {
      const member = `{"${name}":1}`;
      for (const value of [member, JSON.stringify(member)])
        for (const [tool, argument] of [
          ['update_model', 'metrics'],
          ['update_model', 'hyperparameters'],
          ['set_traffic', 'weights'],
        ])
          expect(await call(tool ?? '', `{"model_id":"m","version":"1","${argument}":${value}}`)).toMatch(
            new RegExp(`^INVALID_INPUT: .*${argument}.*${name}`),
          );
      for (const given of [
        `{"model_id":"m","version":"1","tags":{"${name}":"x"}}`,
        `{"model_id":"m","aliases":{"${name}":"1"}}`,
        `{"model_id":"m","gates":{"production":{"min_metrics":{"${name}":1}}}}`,
        `{"model_id":"m","version":"1","description":"x","${name}":1}`,
      ])
        expect(await call('update_model', given)).toMatch(new RegExp(`^INVALID_INPUT: .*${name}`));
    },
  );

  test('a feature may be called constructor, and __proto__ is one like another', async () => {
    const predict = (record: string) => call('predict', `{"model_id":"m","inputs":[${record}]}`);
    expect(await predict('{"constructor":1,"toString":2,"f2":3}')).toBe('done');
    expect(await predict('{"f2":3}')).toMatch(/missing.*constructor, toString/);
    expect(await predict('{"constructor":1,"toString":2,"f2":3,"__proto__":4}')).toMatch(
      /^SIGNATURE_MISMATCH: .*__proto__/,
    );
    expect(await predict('{"constructor":1,"toString":2,"f2":3,"valueOf":4}')).toMatch(/valueOf/);
  });

  test('the audit trail goes on and has what was refused', async () => {
    const { code, output } = await runCommand(['audit', '--verify'], { directory: scratch.path });
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('is whole') });
  });
});
