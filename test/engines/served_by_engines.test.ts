import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { until } from '../e2e/until.ts';
import { freePort } from '../free_port.ts';
import type { EngineServer } from './engine_process.ts';
import { mlserverPython, onnxRuntime, startMlserver } from './mlserver_server.ts';
import { startTriton, tritonPython } from './triton_server.ts';

interface TestEngine extends EngineServer {
  /** The member `models` of the engine in MODELYARD_ENGINES. */
  place: unknown;
  /** Names of the models that it has been given so far. */
  given(): string[];
}

/** The engines there are, each given its models in its own way. */
const engines: { name: string; isThere: boolean; start(): Promise<TestEngine> }[] = [
  {
    name: 'triton',
    isThere: tritonPython !== undefined,
    async start() {
      const triton = await startTriton();
      const loaded = /successfully loaded '([^']+)'/g;
      return {
        ...triton,
        place: 'pushed',
        given: () => [...new Set([...triton.log().matchAll(loaded)].map(([, name = '']) => name))],
      };
    },
  },
  {
    name: 'mlserver',
    isThere: mlserverPython !== undefined,
    async start() {
      const mlserver = await startMlserver();
      return {
        ...mlserver,
        place: { folder: mlserver.models, implementation: onnxRuntime },
        given: () => readdirSync(mlserver.models).filter((name) => name.startsWith('modelyard-')),
      };
    },
  },
];

/** Models of every datatype and kind of answer. */
const answeredAlike = [
  'linear_float32',
  'classifier_zipmap',
  'classifier_string',
  'mixed_columns',
  'text_classifier',
  'multi_output',
  'half_network',
  'identity_int64',
  'identity_uint64',
  'identity_bool',
];

const row = { f0: 1, f1: 2, f2: 3 };
const answer = 4.75;

const ways = engines.flatMap((engine) =>
  (['rest', 'grpc'] as const).map((protocol) => ({ ...engine, protocol })),
);

describe.each(ways)(
  'versions on a real $name by $protocol',
  { timeout: 240_000 },
  ({ name, protocol, isThere, start }) => {
    let scratch: Scratch;
    let engine: TestEngine;
    let server: TestServer;
    beforeAll(async () => {
      if (!isThere) return;
      scratch = scratchDirectory();
      engine = await start();
      server = await startServer({
        directory: scratch.path,
        settings: {
          MODELYARD_APPROVALS: 'off',
          MODELYARD_ENGINE_THREADS: '1',
          // Triton starts a Python for each model, which takes its time on a loaded machine.
          MODELYARD_LOAD_TIMEOUT_MS: '180000',
          MODELYARD_ENGINES: JSON.stringify({
            [name]: {
              type: 'open_inference',
              url: protocol === 'grpc' ? engine.grpcUrl : engine.url,
              protocol,
              models: engine.place,
            },
          }),
        },
      });
    }, 240_000);
    // Some kill it.
    beforeEach(() => engine?.start(), 240_000);
    afterAll(async () => {
      await server?.close();
      await engine?.kill();
      scratch?.remove();
    });

    const deploy = (model_id: string, version: string, model: string, on: string, rest: object = {}) =>
      server.call('deploy_model', { model_id, version, source: testModel(model), engine: on, ...rest });
    /** The same file twice: `here` on the embedded engine, with the calls, and `there`. */
    async function pair(modelId: string, model = 'linear_float32'): Promise<void> {
      await deploy(modelId, 'here', model, 'embedded');
      await deploy(modelId, 'there', model, name, { set_active: false });
    }
    const predict = (model_id: string, rest: object = {}) =>
      server.call('predict', { model_id, inputs: [row], ...rest });
    const isReady = async (model: string) => (await fetch(`${engine.url}/v2/models/${model}/ready`)).ok;
    const engineCheck = async () => {
      const { checks } = await server.call('health_check', {});
      return checks.find((check) => check.name.includes(name));
    };

    it.skipIf(!isThere).each(answeredAlike)('%s answers as on the embedded engine', async (model) => {
      await pair(model, model);
      const { versions } = await server.call('get_model', { model_id: model, response_format: 'detailed' });
      const inputs = versions.find(({ version }) => version === 'here')?.signature?.inputs ?? [];
      expect(inputs).not.toEqual([]);
      const rows = 3;
      const tensors = Object.fromEntries(
        inputs.map(({ name: input, datatype, shape }) => {
          const sizes = shape.map((size, axis) => (size >= 0 ? size : axis === 0 ? rows : 2));
          const count = sizes.reduce((product, size) => product * size, 1);
          const data = Array.from({ length: count }, (_, index) => sampleOf(datatype, index));
          return [input, { datatype, shape: sizes, data }];
        }),
      );
      const [here, there] = await Promise.all(
        ['here', 'there'].map((version) => server.call('predict', { model_id: model, version, tensors })),
      );
      expect(Object.keys(there?.outputs ?? {})).toEqual(Object.keys(here?.outputs ?? {}));
      for (const [output, { datatype, shape, data }] of Object.entries(here?.outputs ?? {})) {
        const found = there?.outputs?.[output];
        expect([output, found?.datatype, found?.shape]).toEqual([output, datatype, shape]);
        const rounding = datatype === 'FP16' ? 2 ** -10 : 1e-5;
        const scale = Math.max(1, ...data.map((value) => Math.abs(Number(value)) || 0));
        for (const [index, value] of data.entries()) {
          const other = found?.data[index];
          if (typeof value === 'number' && typeof other === 'number')
            expect(Math.abs(other - value)).toBeLessThanOrEqual(rounding * scale);
          else expect(other).toEqual(value);
        }
      }
      // What is left would be given back to an engine that is killed later.
      await server.call('retire_model', { model_id: model, version: 'there' });
    });

    it.skipIf(!isThere)(
      'NaN comes back where the engine can say it, and is refused where it cannot',
      async () => {
        await deploy('nan_output', 'here', 'nan_output', 'embedded');
        const given = {
          model_id: 'nan_output',
          version: 'there',
          source: testModel('nan_output'),
          engine: name,
        };
        if (name === 'mlserver') {
          // It has null for NaN and for both infinities, which its JSON says and its raw tensors cannot.
          const refused = await server.fail('deploy_model', { ...given, set_active: false });
          const why = protocol === 'rest' ? 'null' : 'not a float';
          expect([refused.code, refused.message]).toEqual(['GATE_FAILED', expect.stringContaining(why)]);
          return;
        }
        await server.call('deploy_model', { ...given, set_active: false });
        const tensors = { x: { datatype: 'FP32', shape: [3, 1], data: [-1, 0, 2] } };
        const ask = (version: string) => server.call('predict', { model_id: 'nan_output', version, tensors });
        const [here, there] = await Promise.all([ask('here'), ask('there')]);
        expect(here.outputs?.y?.data).toContain('NaN');
        expect(there.outputs).toEqual(here.outputs);
        await server.call('retire_model', { model_id: 'nan_output', version: 'there' });
      },
    );

    it.skipIf(!isThere)('an A/B test shares calls between both engines, each key at one', async () => {
      await pair('ab');
      await server.call('set_traffic', { model_id: 'ab', weights: { here: 0.5, there: 0.5 } });
      const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
      const ask = () => Promise.all(keys.map((entity_key) => predict('ab', { entity_key })));
      const [first, second] = [await ask(), await ask()];
      expect(new Set(first.map(({ version }) => version))).toEqual(new Set(['here', 'there']));
      expect(second.map(({ version }) => version)).toEqual(first.map(({ version }) => version));
      for (const { predictions, warnings } of first)
        expect([predictions[0]?.value, warnings]).toEqual([answer, []]);
    });

    it.skipIf(!isThere)('a shadow there sees every call, and agrees', async () => {
      await pair('shadowed');
      await server.call('set_traffic', {
        model_id: 'shadowed',
        weights: { here: 1 },
        shadow_version: 'there',
      });
      for (let call = 0; call < 10; call++) await predict('shadowed', { inputs: [{ ...row, f0: call }] });
      const shadow = await until('the shadow calls', async () => {
        const { traffic } = await server.call('get_model', { model_id: 'shadowed' });
        return (traffic.shadows[0]?.calls ?? 0) >= 10 && traffic.shadows[0];
      });
      expect(shadow).toMatchObject({ shadow_version: 'there', errors: 0, rows: 10, agreement: 1 });
    });

    it.skipIf(!isThere)(
      'a version that is retired is gone there, and the other versions are not',
      async () => {
        const before = engine.given();
        await pair('retired');
        const [placed = ''] = engine.given().filter((model) => !before.includes(model));
        expect(placed).not.toBe('');
        expect(await isReady(placed)).toBe(true);
        await server.call('retire_model', { model_id: 'retired', version: 'there' });
        expect(await isReady(placed)).toBe(false);
        expect((await predict('retired')).predictions[0]?.value).toBe(answer);
        expect((await predict('ab', { version: 'there' })).predictions[0]?.value).toBe(answer);
      },
    );

    it.skipIf(!isThere)(
      'a version that was retired where the engine could not be reached is unloaded after',
      async () => {
        const before = engine.given();
        await pair('unreached');
        const [placed = ''] = engine.given().filter((model) => !before.includes(model));
        const away = `http://127.0.0.1:${await freePort()}`;
        const other = await startServer({
          directory: scratch.path,
          settings: {
            MODELYARD_APPROVALS: 'off',
            MODELYARD_ENGINES: JSON.stringify({
              [name]: { type: 'open_inference', url: away, protocol, models: engine.place },
            }),
          },
        });
        const { warnings } = await other.call('retire_model', { model_id: 'unreached', version: 'there' });
        expect(warnings).toEqual([expect.stringContaining('may still be loaded')]);
        await other.close();
        expect(await isReady(placed)).toBe(true);
        await until('it is unloaded', async () => !(await isReady(placed)), 60_000);
        expect((await predict('ab', { version: 'there' })).predictions[0]?.value).toBe(answer);
      },
    );

    it.skipIf(!isThere)(
      'a dead engine opens the breaker of its version alone, and the embedded one takes over',
      async () => {
        await pair('dead');
        await server.call('set_traffic', { model_id: 'dead', weights: { here: 0.5, there: 0.5 } });
        const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
        const ask = () => Promise.all(keys.map((entity_key) => predict('dead', { entity_key })));
        const before = await ask();
        await engine.kill();
        const failed = await Promise.all(
          Array.from({ length: 60 }, () =>
            server.fail('predict', { model_id: 'dead', version: 'there', inputs: [row] }),
          ),
        );
        // Of so many the last are refused by the breaker.
        const codes = failed.map(({ code }) => code);
        expect(codes.filter((code) => code === 'ENGINE_CRASHED').length).toBeGreaterThanOrEqual(20);
        expect(new Set([...codes, 'CIRCUIT_OPEN'])).toEqual(new Set(['ENGINE_CRASHED', 'CIRCUIT_OPEN']));
        const after = await ask();
        expect(
          after.map(({ version, route, predictions }) => [version, route, predictions[0]?.value]),
        ).toEqual(
          before.map(({ version }) => ['here', version === 'here' ? 'weighted' : 'fallback', answer]),
        );
        const { models } = await server.call('health_check', { model_id: 'dead' });
        const breakers = models.map(({ version, circuit_breaker: { state } }) => [version, state]);
        expect(Object.fromEntries(breakers)).toEqual({ here: 'closed', there: 'open' });
        expect((await engineCheck())?.status).toBe('degraded');
        await engine.start();
        await until(
          'the engine is healthy',
          async () => (await engineCheck())?.status === 'healthy',
          120_000,
        );
        await server.call('reset_circuit_breaker', { model_id: 'dead', version: 'there' });
        expect(await predict('dead', { version: 'there' })).toMatchObject({
          version: 'there',
          predictions: [{ value: answer }],
        });
      },
    );

    it.skipIf(!isThere)(
      'an engine that is restarted under load has its models back, and no call a wrong answer',
      async () => {
        // Failures during the restart are expected: the breaker is not what this is about.
        await deploy('restarted', 'there', 'linear_float32', name, { error_threshold: 1 });
        const token = randomBytes(4).toString('hex');
        let asked = 0;
        let isOver = false;
        const seen: { value: unknown; code: string | undefined }[] = [];
        const load = async () => {
          while (!isOver) {
            const f0 = asked++ % 8;
            const result = await server.attempt('predict', {
              model_id: 'restarted',
              inputs: [{ ...row, f0 }],
              entity_key: token,
            });
            if (result.isError) seen.push({ value: undefined, code: codeOf(result.structuredContent) });
            else
              seen.push({
                value: valueIn(result.structuredContent) === answer + (f0 - 1) * slope,
                code: undefined,
              });
          }
        };
        const running = Promise.all([load(), load(), load()]);
        const answers = () => seen.filter(({ value }) => value === true).length;
        await until('calls are answered', () => answers() > 30);
        await engine.kill();
        await until('a call has failed', () => seen.some(({ code }) => code !== undefined));
        await engine.start();
        const before = answers();
        await server.call('reset_circuit_breaker', { model_id: 'restarted', version: 'there' });
        await until(
          'calls are answered again',
          async () => {
            if (answers() > before + 30) return true;
            await server.attempt('reset_circuit_breaker', { model_id: 'restarted', version: 'there' });
            return false;
          },
          60_000,
        );
        isOver = true;
        await running;
        expect(seen.filter(({ value }) => value === false)).toEqual([]);
        const codes = new Set(seen.flatMap(({ code }) => code ?? []));
        expect(
          [...codes].filter((code) => !['ENGINE_CRASHED', 'TIMEOUT', 'CIRCUIT_OPEN'].includes(code)),
        ).toEqual([]);
      },
    );

    it.skipIf(!isThere)('an engine that hangs costs its calls their time, and no others', async () => {
      await pair('hanging');
      engine.freeze();
      try {
        const waiting = server.attempt('predict', { model_id: 'hanging', version: 'there', inputs: [row] });
        for (let call = 0; call < 5; call++)
          expect((await predict('hanging', { version: 'here' })).predictions[0]?.value).toBe(answer);
        engine.thaw();
        expect((await waiting).isError ?? false).toBe(false);
      } finally {
        engine.thaw();
      }
    });
  },
);

/** What the linear model adds for one more of f0. */
const slope = 0.5;

/** A value of each datatype, from text that classifiers know to numbers that no double holds. */
function sampleOf(datatype: string, index: number): string | number | boolean {
  if (datatype === 'BYTES') return ['red', 'green', 'ä'][index % 3] ?? '';
  if (datatype === 'BOOL') return index % 2 === 0;
  if (datatype === 'INT64') return index % 2 === 0 ? '-9007199254740993' : index;
  if (datatype === 'UINT64') return index % 2 === 0 ? '18446744073709551615' : index;
  return datatype.startsWith('FP') ? (index % 7) / 2 : index % 5;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function codeOf(structured: unknown): string {
  return String(memberOf(memberOf(structured, 'error'), 'code'));
}

function valueIn(structured: unknown): unknown {
  const predictions = memberOf(structured, 'predictions');
  return Array.isArray(predictions) ? memberOf(predictions[0], 'value') : undefined;
}
