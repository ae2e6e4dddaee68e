import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from './client.ts';
import {
  nbaFile,
  type Scratch,
  scratchDirectory,
  serverEnvironment,
  serverFile,
  testModel,
} from './environment.ts';
import { type CommandOptions, runCommand } from './running_command.ts';

/** A terminal to run a command on, as util-linux has one. */
const hasTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

describe('modelyard TOOL', () => {
  let scratch: Scratch;
  beforeAll(() => {
    scratch = scratchDirectory();
  });
  afterAll(() => scratch.remove());
  const run = (given: string[], options: Partial<CommandOptions> = {}) =>
    runCommand(given, { directory: scratch.path, ...options });
  const json = async (given: string[], options: Partial<CommandOptions> = {}) => {
    const { code, output, errors } = await run([...given, '--json'], options);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    return JSON.parse(output);
  };
  /** A store with version 1 of the NBA example deployed, and version 2 registered. */
  const nba = ['deploy_model', 'model_id=nba', 'version=1', 'source=home_win_v1.onnx'];
  const nbaFolder = nbaFile('.');

  test('deploys from a relative path, predicts from a file and from standard input, and says so in tables', async () => {
    const first = await run(nba, { folder: nbaFolder });
    expect(first).toMatchObject({ code: 0, errors: expect.stringContaining('this makes a store in') });
    expect(first.output).toMatch(/^model_id +nba\nversion +1\n/);
    expect(first.output).toMatch(
      /\n {2}features \(13\)\n {4}name +datatype +input +column\n {4}f0 +FP32 +features +0\n/,
    );

    const row = Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`f${at}`, 1]));
    const file = join(scratch.path, 'rows.jsonl');
    writeFileSync(file, `${JSON.stringify(row)}\n${JSON.stringify(row)}\n`);
    const fromFile = await json(['predict', 'model_id=nba', 'inputs=@rows.jsonl'], { folder: scratch.path });
    expect(fromFile.predictions).toHaveLength(2);
    const fromInput = await json(['predict', '-'], {
      input: JSON.stringify({ model_id: 'nba', inputs: [row] }),
    });
    expect(fromInput.predictions[0].value).toEqual(fromFile.predictions[0].value);
    const { output } = await run(['list-predictions', 'model-id=nba', 'limit=2']);
    expect(output).toMatch(/\npredictions \(2\)\n {2}prediction_id +/);
    expect(output).not.toContain('stored data');
    // Found in the log by another process: what was answered is kept.
    const { predictions } = await json(['list_predictions', 'model_id=nba']);
    expect(predictions).toHaveLength(3);
  });

  test('makes its mark in the audit trail as the user of this machine', async () => {
    await json(['update_model', 'model_id=nba', 'description=one\u001b[2J']);
    const { output } = await run(['audit', '--json', '--limit', '1']);
    expect(JSON.parse(output)).toMatchObject({
      action: 'update_model',
      client: expect.stringMatching(/^modelyard update_model, /),
    });
    // Nothing that is stored moves the cursor.
    expect((await run(['get_model', 'model_id=nba'])).output).toContain('one\\u{1b}[2J');
  });

  test.each<[string[], number, RegExp]>([
    [
      ['predikt'],
      2,
      /^modelyard: Unknown command predikt\. Did you mean predict\? See modelyard --help\.\n$/,
    ],
    [['helth-check'], 2, /Did you mean health_check\?/],
    [
      ['predict', 'modelid=nba'],
      2,
      /^INVALID_INPUT: There is no argument modelid\.\nDid you mean model_id\?\n$/,
    ],
    [['predict', 'nba'], 2, /^INVALID_INPUT: "nba" is no argument\.\n/],
    [['predict', '--nothing'], 2, /Unknown option '--nothing'\. See modelyard predict --help/],
    [['predict'], 2, /^INVALID_INPUT: model_id is required\.\n/],
    [['search_models', 'limit=many'], 2, /limit="many" is not valid: must be a number/],
    [['predict', 'model_id=nba', 'inputs=[{"f0":1}]'], 2, /^SIGNATURE_MISMATCH: /],
    [['get_model', 'model_id=nbb'], 3, /^MODEL_NOT_FOUND: There is no model nbb\.\nDid you mean nba\?/],
    [['predict_file', 'model_id=nba', 'input_path=/etc/hostname.csv'], 4, /^PATH_NOT_ALLOWED: /],
    [['delete_model', 'model_id=nba'], 4, /^PERMISSION_DENIED: delete_model needs the permission ADMIN/],
    [['promote_model', 'model_id=nba', 'version=1', 'target_stage=development'], 6, /^ILLEGAL_TRANSITION: /],
    [['sync_mlflow'], 75, /^MLFLOW_UNAVAILABLE: /],
  ])('%j ends with %i and says why on standard error', async (given, code, sentence) => {
    const ending = await run(given);
    expect({ code: ending.code, output: ending.output }).toEqual({ code, output: '' });
    expect(ending.errors).toMatch(sentence);
    expect(ending.errors).not.toContain('\u001b');
  });

  test('with --json an error is JSON too', async () => {
    const { code, output, errors } = await run(['get_model', 'model_id=nbb', '--json']);
    expect({ code, output }).toEqual({ code: 3, output: '' });
    expect(JSON.parse(errors)).toEqual({
      error: {
        code: 'MODEL_NOT_FOUND',
        message: 'There is no model nbb.',
        hint: expect.stringContaining('nba'),
        retryable: false,
      },
    });
  });

  test('where nobody can be asked, a change that a person must agree to waits for modelyard approve', async () => {
    const settings = { MODELYARD_APPROVALS: 'required' };
    const promote = ['promote_model', 'model_id=nba', 'version=1', 'target_stage=production'];
    const { code, errors } = await run(promote, { settings, input: 'y\n' });
    expect(code).toBe(5);
    const [, request = ''] = /modelyard approve ([\w-]+)/.exec(errors) ?? [];
    expect(await run(['approve', request, '--yes'], { settings: { MODELYARD_ROLE: 'admin' } })).toMatchObject(
      {
        code: 0,
      },
    );
    expect(await json(promote, { settings })).toMatchObject({ applied: true });
  });

  test('writes the picture of an answer, and over no file', async () => {
    const path = nbaFile('reference.csv');
    const reference = ['set_reference_data', 'model_id=nba2', 'version=1', `path=${path}`];
    const { feature_names: names } = JSON.parse(readFileSync(nbaFile('features.json'), 'utf8'));
    await json(
      [
        'deploy_model',
        'model_id=nba2',
        'version=1',
        'source=home_win_v2.onnx',
        `feature_names=${JSON.stringify(names)}`,
      ],
      {
        folder: nbaFolder,
      },
    );
    await json(reference);
    const drift = ['detect_drift', 'model_id=nba2', 'target=features', `current_path=${path}`, 'chart=true'];
    const untold = await run(drift);
    expect(untold).toMatchObject({ code: 0, errors: 'The answer has a picture: --image FILE writes it.\n' });
    const file = join(scratch.path, 'drift.png');
    expect((await run([...drift, '--image', file])).code).toBe(0);
    expect(readFileSync(file).subarray(1, 4).toString()).toBe('PNG');
    const refused = await run([...drift, '--image', file]);
    expect(refused).toMatchObject({ code: 2, output: '', errors: expect.stringContaining('exists already') });
  });

  test('--help needs no store and no settings', async () => {
    const nowhere = scratchDirectory();
    const { code, output, errors } = await runCommand(['deploy-model', '--help'], {
      directory: nowhere.path,
      settings: { MODELYARD_ROLE: 'boss' },
    });
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toMatch(/^Usage: modelyard deploy_model /);
    expect(existsSync(join(nowhere.path, 'registry'))).toBe(false);
    nowhere.remove();
  });

  test('a call that is refused before touches no store', async () => {
    const nowhere = scratchDirectory();
    expect((await runCommand(['predict', 'x=1'], { directory: nowhere.path })).code).toBe(2);
    expect(existsSync(join(nowhere.path, 'registry', 'modelyard.db'))).toBe(false);
    nowhere.remove();
  });

  test.skipIf(process.platform === 'win32')(
    'a call that waits for its arguments can be taken back',
    async () => {
      const child = spawn(process.execPath, [serverFile, 'predict', '-'], {
        env: serverEnvironment(scratch.path),
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      const ended = once(child, 'close');
      // More than a pipe holds: it is taken once the command reads.
      await new Promise((resolve) => child.stdin.write(' '.repeat(1_000_000), resolve));
      child.kill('SIGTERM');
      expect((await ended)[0]).toBe(143);
    },
  );
});

describe.skipIf(!hasTerminal)('modelyard TOOL on a terminal', () => {
  let scratch: Scratch;
  beforeAll(async () => {
    scratch = scratchDirectory();
    const server = await startServer({ directory: scratch.path });
    for (const version of ['1', '2'])
      await server.call('register_model', { model_id: 'm', version, source: testModel('linear_float32') });
    await server.call('promote_model', { model_id: 'm', version: '1', target_stage: 'production' });
    await server.close();
  });
  afterAll(() => scratch.remove());

  /** Runs a command on a terminal; `typed` is sent when `awaited` is shown. */
  const onTerminal = async (given: string[], awaited?: string, typed = '', settings = {}) => {
    const words = [process.execPath, serverFile, ...given].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qefc', words, '/dev/null'], {
      env: serverEnvironment(scratch.path, { TERM: 'xterm', ...settings }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // Escape sequences are shown by a sign.
    let shown = '';
    let isTyped = false;
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString('utf8').replaceAll('\u001b', '␛');
      if (isTyped || awaited === undefined || !shown.includes(awaited)) return;
      isTyped = true;
      child.stdin.write(typed);
    });
    const [code] = await once(child, 'close');
    return { code, shown };
  };
  const promote = ['promote_model', 'model_id=m', 'version=2', 'target_stage=production'];

  test.each([
    ['no', 'n\n', 5, 'The person who was asked declined; nothing was changed.'],
    ['end of input', '\u0004', 5, 'gave no answer; nothing was changed.'],
    ['Ctrl-C', '\u0003', 130, 'The call was cancelled.'],
  ])('asks before it changes production: %s is no yes', async (_, typed, code, sentence) => {
    const ending = await onTerminal(promote, '[y/N]', typed);
    expect(ending.shown).toContain('ModelYard asks: may promote_model change m?');
    expect(ending.shown).toContain(sentence);
    expect(ending.code).toBe(code);
  });

  test('yes is one; headings are bold, unless NO_COLOR says no', async () => {
    const { code, shown } = await onTerminal(promote, '[y/N]', 'y\n');
    expect(code).toBe(0);
    expect(shown).toMatch(/␛\[1mapplied␛\[22m +true/);
    const plain = await onTerminal(['get_model', 'model_id=m'], undefined, '', { NO_COLOR: '1' });
    expect(plain.code).toBe(0);
    expect(plain.shown).toMatch(/^model_id +m\r$/m);
    expect(plain.shown).not.toContain('␛');
  });

  test('shows how far a long call is', async () => {
    const rows = join(scratch.path, 'rows.csv');
    writeFileSync(rows, `f0,f1,f2\n${'1,2,3\n'.repeat(5000)}`);
    await onTerminal(['deploy_model', 'model_id=long', 'version=1', `source=${testModel('linear_float32')}`]);
    const { code, shown } = await onTerminal(['predict_file', 'model_id=long', `input_path=${rows}`]);
    expect(shown).toMatch(/\r␛\[K\[=* *\] +\d+ % {2}\d+ rows answered/);
    expect({ code, rows: /rows␛\[22m +5000/.test(shown) }).toEqual({ code: 0, rows: true });
  });

  test('Ctrl-C in the midst of a long call ends it, and leaves nothing', async () => {
    const rows = join(scratch.path, 'many.csv');
    writeFileSync(rows, `f0,f1,f2\n${'1,2,3\n'.repeat(3_000_000)}`);
    const call = ['predict_file', 'model_id=long', `input_path=${rows}`, 'log=false'];
    const { code, shown } = await onTerminal(call, 'rows answered', '\u0003');
    expect({ code, isCancelled: shown.includes('CANCELLED') }).toEqual({ code: 130, isCancelled: true });
    expect(existsSync(join(scratch.path, 'many.predictions.csv'))).toBe(false);
  });
});
