import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { csvRows, type FileServer, startFileServer } from './file_server.ts';
import { until } from './until.ts';

let files: FileServer;
let server: TestServer;
beforeAll(async () => {
  files = await startFileServer();
  server = files.server;
});
afterAll(() => files.close());

const deploy = (modelId: string, version: string, model: string, rest: object = {}, on = server) =>
  on.call('deploy_model', { model_id: modelId, version, source: testModel(model), ...rest });

async function healthOf(modelId: string, version = '1') {
  const { models } = await server.call('health_check', { model_id: modelId });
  return models.find((model) => model.version === version);
}

const untouched = { error_count: 0, circuit_breaker: expect.objectContaining({ state: 'closed', trips: 0 }) };

/** knn_imputer runs on rows of which some has a missing value; without any, onnxruntime 1.30 divides by zero. */
describe.skipIf(process.arch !== 'x64')('rows that end the runtime', () => {
  const names = { feature_names: ['a', 'b', 'c', 'd'] };
  const sound = (a: number) => ({ a, b: null, c: 7, d: 1 });
  const deadly = (a: number) => ({ a, b: 1, c: 7, d: 1 });
  const empty = { a: null, b: null, c: null, d: null };
  const ended = /^The runtime that runs this model \(onnxruntime \d+\.\d+\.\d+\) ended \(SIGFPE\) on /;

  it('before anything ran are nobody’s: in no error rate, and the deployment says what ended', async () => {
    const { warnings } = await deploy('imputed', '1', 'knn_imputer', names);
    expect(warnings.join(' ')).toMatch(
      /has not run yet: the runtime .*onnxruntime.* ended \(SIGFPE\).*made up/,
    );
    const first = await server.fail('predict', { model_id: 'imputed', inputs: [deadly(1)] });
    expect(first).toMatchObject({
      code: 'ENGINE_CRASHED',
      retryable: true,
      message: expect.stringMatching(ended),
    });
    expect(first.message).toContain('on row 0.');
    const { predictions } = await server.call('predict', { model_id: 'imputed', inputs: [sound(9)] });
    expect(predictions).toHaveLength(1);
    expect(await healthOf('imputed')).toMatchObject({
      ...untouched,
      request_count: 2,
      last_error: expect.stringMatching(/^ENGINE_CRASHED: /),
    });
  });

  it('are found among others, and refused when they come again', async () => {
    const inputs = [sound(1), sound(2), empty, sound(3)];
    const error = await server.fail('predict', { model_id: 'imputed', inputs });
    expect(error).toMatchObject({ code: 'ENGINE_CRASHED', retryable: false });
    expect(error.message).toMatch(/ended \(SIGFPE\) on row 2\./);
    expect((await server.fail('predict', { model_id: 'imputed', inputs: [empty] })).message).toContain(
      'The same rows did that before, so they were not run again',
    );
    const answer = await server.call('predict', { model_id: 'imputed', inputs: inputs.toSpliced(2, 1) });
    expect(answer.predictions).toHaveLength(3);
  });

  it('fail in a file, which goes on; in one of nothing else all fail', async () => {
    const mixed = files.write('mixed.csv', 'a,b,c,d\n1,,3,4\n5,6,,8\n,,,\n2,,4,1\n');
    const answer = await server.call('predict_file', { model_id: 'imputed', input_path: mixed });
    expect(answer).toMatchObject({
      rows: 4,
      failed_rows: 1,
      failures: [{ line: 4, error: expect.stringMatching(/onnxruntime [\d.]+\) ended/) }],
    });
    const rows = csvRows(answer.output_path);
    expect(rows.map(({ prediction }) => prediction !== '')).toEqual([true, true, false, true]);
    const none = files.write('none.csv', 'a,b,c,d\n1,2,3,4\n5,6,7,8\n');
    expect(await server.call('predict_file', { model_id: 'imputed', input_path: none })).toMatchObject({
      rows: 2,
      failed_rows: 2,
      failures: [{ line: 2 }, { line: 3 }],
    });
    expect(await healthOf('imputed')).toMatchObject(untouched);
  });

  it('are judged by the stored probe in a process in which nothing ran yet', async () => {
    await deploy('probed', '1', 'knn_imputer', { ...names, probe: { inputs: [sound(9)] } });
    const another = await files.startAnother();
    const error = await another.fail('predict', { model_id: 'probed', inputs: [deadly(1)] });
    expect(error).toMatchObject({ code: 'ENGINE_CRASHED', retryable: false });
    await another.close();
  });

  it('are all rows of a forest that saw one class of text: the runtime is named at once', async () => {
    const { warnings } = await deploy('one', '1', 'one_class_text', names);
    expect(warnings.join(' ')).toMatch(
      /has not run yet: the runtime .*onnxruntime.* ended \(SIG\w+\).*made up/,
    );
    const probe = { inputs: [deadly(1)] };
    expect(await server.fail('deploy_model', { model_id: 'one', version: '1', probe })).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringMatching(/onnxruntime [\d.]+\) ended/),
    });
  });
});

describe('a version that has answered nothing yet', () => {
  const series = (steps: number) => ({
    series: { datatype: 'FP32', shape: [1, steps, 2], data: Array(steps * 2).fill(1) },
  });

  it('is not blamed for its first twenty failures, then it is, so that a standby answers', async () => {
    // needs_steps takes at least twelve steps, of which its graph does not tell.
    await deploy('silent', '1', 'needs_steps');
    await deploy('silent', '2', 'needs_steps', { set_active: false });
    await server.call('set_traffic', { model_id: 'silent', weights: { '1': 1, '2': 0 } });
    const ask = (steps: number) => ({ model_id: 'silent', tensors: series(steps) });
    for (let call = 0; call < 20; call++)
      expect((await server.fail('predict', ask(4))).code).toBe('INFERENCE_FAILED');
    expect(await healthOf('silent')).toMatchObject({ ...untouched, request_count: 20 });
    for (let call = 0; call < 20; call++) await server.fail('predict', ask(4));
    expect(await healthOf('silent')).toMatchObject({
      error_count: 20,
      circuit_breaker: { state: 'open', trips: 1 },
    });
    expect(await server.call('predict', ask(12))).toMatchObject({ version: '2', route: 'fallback' });
    expect(await healthOf('silent', '2')).toMatchObject(untouched);
  });

  it('is not blamed at all once it has answered', async () => {
    await deploy('spoken', '1', 'needs_steps');
    const ask = (steps: number) => ({ model_id: 'spoken', tensors: series(steps) });
    for (let call = 0; call < 15; call++) await server.fail('predict', ask(4));
    await server.call('predict', ask(12));
    for (let call = 0; call < 30; call++)
      expect(await server.fail('predict', ask(4))).toMatchObject({
        code: 'INFERENCE_FAILED',
        retryable: false,
      });
    expect(await healthOf('spoken')).toMatchObject(untouched);
  });
});

describe('the versions of an A/B test', () => {
  // fails_run answers 2·⌊x⌋ and has nothing to look up above 100; slow_run answers x, which no probability can be above 1.
  const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`);
  const ask = (modelId: string, x: number, key: string) =>
    server.attempt('predict', { model_id: modelId, inputs: [{ x }], entity_key: key });

  it('a bad input opens the breaker of neither', async () => {
    await deploy('even', '1', 'fails_run');
    await deploy('even', '2', 'fails_run', { set_active: false });
    await server.call('set_traffic', { model_id: 'even', weights: { '1': 0.5, '2': 0.5 } });
    const answers = await Promise.all(keys.map((key) => ask('even', 101, key)));
    expect(answers.map(({ isError }) => isError)).toEqual(keys.map(() => true));
    for (const version of ['1', '2']) {
      const health = await healthOf('even', version);
      expect(health).toMatchObject(untouched);
      // Each had enough of them to open it, were they counted.
      expect(health?.request_count).toBeGreaterThanOrEqual(20);
    }
    const good = await Promise.all(keys.map((key) => ask('even', 3, key)));
    const routes = good.map(({ structuredContent }) => Object(structuredContent).route);
    expect(new Set(routes)).toEqual(new Set(['weighted']));
  });

  it('a broken one opens its own only, and the other answers its calls', async () => {
    await deploy('broken', '1', 'fails_run');
    await deploy('broken', '2', 'slow_run', { set_active: false, class_labels: ['no', 'yes'] });
    await server.call('set_traffic', { model_id: 'broken', weights: { '1': 0.5, '2': 0.5 } });
    const first = await Promise.all(keys.map((key) => ask('broken', 3, key)));
    const failed = first.filter(({ isError }) => isError).length;
    expect(failed).toBeGreaterThanOrEqual(20);
    expect(await healthOf('broken', '1')).toMatchObject(untouched);
    expect(await healthOf('broken', '2')).toMatchObject({
      error_count: failed,
      circuit_breaker: { state: 'open', trips: 1 },
    });
    const next = await Promise.all(keys.map((key) => ask('broken', 3, key)));
    const told = next.map(({ structuredContent }) => Object(structuredContent));
    expect(told.map(({ version }) => version)).toEqual(keys.map(() => '1'));
    expect(told.filter(({ route }) => route === 'fallback')).toHaveLength(failed);
    expect(told.filter(({ route }) => route === 'weighted')).toHaveLength(keys.length - failed);
  });
});

describe('a shadow version', () => {
  const shadowed = async (modelId: string, primary: string, shadow: string, rest: object = {}) => {
    await deploy(modelId, '1', primary);
    await deploy(modelId, '2', shadow, { set_active: false, ...rest });
    await server.call('set_traffic', { model_id: modelId, weights: { '1': 1 }, shadow_version: '2' });
  };
  const shadowOf = async (modelId: string) =>
    (await server.call('get_model', { model_id: modelId })).traffic.shadows[0];

  it('is not given an input that its primary refused: it opens the breaker of neither', async () => {
    await shadowed('twin', 'fails_run', 'fails_run');
    await Promise.all(
      Array.from({ length: 25 }, () => server.fail('predict', { model_id: 'twin', inputs: [{ x: 101 }] })),
    );
    const answer = await server.call('predict', { model_id: 'twin', inputs: [{ x: 3 }] });
    expect(answer).toMatchObject({ version: '1', route: 'active', predictions: [{ value: 6 }] });
    await until('the shadow call', async () => (await shadowOf('twin'))?.calls === 1);
    expect(await shadowOf('twin')).toMatchObject({ errors: 0, agreement: 1 });
    for (const version of ['1', '2']) expect(await healthOf('twin', version)).toMatchObject(untouched);
  });

  it('that is broken is nobody’s failure but its own, and opens nothing', async () => {
    await shadowed('against', 'fails_run', 'slow_run', { class_labels: ['no', 'yes'] });
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => server.call('predict', { model_id: 'against', inputs: [{ x: 3 }] })),
    );
    expect(answers).toMatchObject(answers.map(() => ({ version: '1', predictions: [{ value: 6 }] })));
    await until('the shadow calls', async () => (await shadowOf('against'))?.calls === 25);
    expect(await shadowOf('against')).toMatchObject({ errors: 25 });
    for (const version of ['1', '2']) expect(await healthOf('against', version)).toMatchObject(untouched);
  });
});

describe('a run that goes on for ever', () => {
  it('is too late itself; those that wait behind it are answered, and no version is blamed', async () => {
    const hasty = await startServer({ settings: { MODELYARD_PREDICT_TIMEOUT_MS: '1500' } });
    await deploy('slow', '1', 'slow_run', {}, hasty);
    const results = await Promise.all(
      [1e9, 1, 2, 3].map((x) => hasty.attempt('predict', { model_id: 'slow', inputs: [{ x }] })),
    );
    const [hanging, ...others] = results.map(({ structuredContent }) => Object(structuredContent));
    expect(hanging.error).toMatchObject({
      code: 'TIMEOUT',
      retryable: false,
      message: expect.stringContaining('answers other inputs in time'),
    });
    expect(others.map(({ predictions }) => predictions?.[0]?.value)).toEqual([1, 2, 3]);
    const { models } = await hasty.call('health_check', { model_id: 'slow' });
    expect(models[0]).toMatchObject({ ...untouched, request_count: 4 });
    await hasty.close();
  });
});
