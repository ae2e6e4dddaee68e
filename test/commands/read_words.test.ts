import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readWords, type WordSources } from '../../src/commands/read_words.ts';
import { argumentSchemas } from '../../src/json_schema.ts';
import { parseArguments } from '../../src/parse_arguments.ts';
import type { Tool } from '../../tools/define_tool.ts';
import { catalogue } from '../../tools/index.ts';

function toolNamed(name: string): Tool {
  const tool = catalogue.find((one) => one.name === name);
  if (tool === undefined) throw new Error(name);
  return tool;
}

const folder = process.platform === 'win32' ? 'C:\\data' : '/data';
const inFolder = (name: string) => (process.platform === 'win32' ? `C:\\data\\${name}` : `/data/${name}`);

function sources(files: Record<string, string | Uint8Array> = {}, input?: string): WordSources {
  const bytes = (content: string | Uint8Array) =>
    typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return {
    folder,
    readFile: async (path) => {
      const found = Object.entries(files).find(([name]) => inFolder(name) === path);
      if (found === undefined) throw new Error(`ENOENT: ${path}`);
      return bytes(found[1]);
    },
    readInput: async () => {
      if (input === undefined) throw new Error('standard input was read');
      return bytes(input);
    },
  };
}

const read = (tool: string, words: string[], from = sources()) =>
  readWords(argumentSchemas(toolNamed(tool).input).properties, words, from);

/** What the pipeline makes of the words. */
const parse = async (tool: string, words: string[], from = sources()) =>
  parseArguments(toolNamed(tool), await read(tool, words, from));

const identifier = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const memberName = fc.stringMatching(/^[a-z][a-z0-9_ ="'@-]{0,10}$/);
const plainText = fc
  .string({ minLength: 1, maxLength: 50, unit: 'binary' })
  .filter((text) => !text.includes('\0'));

describe('words mean what the same arguments as JSON mean', () => {
  test('for texts, whole numbers, choices, lists and objects', async () => {
    const given = fc.record(
      {
        query: plainText,
        model_id: identifier,
        stage: fc.constantFrom('development', 'staging', 'production', 'archived'),
        limit: fc.integer({ min: 1, max: 200 }),
        tags: fc.dictionary(memberName, plainText, { maxKeys: 4 }),
        metrics: fc.array(
          fc.record({
            name: memberName,
            op: fc.constantFrom('>=', '<', '='),
            value: fc
              .double({ noNaN: true, noDefaultInfinity: true })
              .filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value)),
          }),
          { minLength: 1, maxLength: 3 },
        ),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(given, fc.boolean(), async (arguments_, withDashes) => {
        const words = Object.entries(arguments_).map(([name, value]) => {
          const text = typeof value === 'string' ? value.replace(/^@/, '@@') : JSON.stringify(value);
          return `${withDashes ? name.replaceAll('_', '-') : name}=${text}`;
        });
        fc.pre(!words.some((word) => word.endsWith('=-')));
        const tool = toolNamed('search_models');
        let asJson: unknown;
        try {
          asJson = parseArguments(tool, JSON.parse(JSON.stringify(arguments_)));
        } catch (error) {
          await expect(parse('search_models', words)).rejects.toEqual(error);
          return;
        }
        expect(await parse('search_models', words)).toEqual(asJson);
      }),
    );
  });

  test('for numbers and truth values, which are taken where they are written exactly', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 1e-9, max: 1e5, noNaN: true }),
        fc.boolean(),
        async (hours, chart) => {
          const words = ['model_id=m', `window_hours=${JSON.stringify(hours)}`, `chart=${chart}`];
          const parsed = parse('get_performance', words);
          const asJson = () =>
            parseArguments(toolNamed('get_performance'), { model_id: 'm', window_hours: hours, chart });
          let expected: unknown;
          try {
            expected = asJson();
          } catch (error) {
            await expect(parsed).rejects.toEqual(error);
            return;
          }
          expect(await parsed).toEqual(expected);
        },
      ),
    );
  });

  test.each([
    ['chart=yes', /chart="yes" is not valid: must be true or false/],
    ['chart=1', /chart="1" is not valid/],
    ['chart=', /chart="" is not valid/],
    ['window_hours=1h', /window_hours="1h" is not valid: must be a number/],
    ['window_hours=0x10', /is not valid/],
    ['window_hours= 5', /is not valid/],
    ['window_hours=@five', /is not valid/],
    ['since=-', /since="-" is not valid/],
    ['metric=@file', /metric="@file" is not valid/],
  ])('%s is not taken for something else', async (word, sentence) => {
    await expect(parse('get_performance', ['model_id=m', word])).rejects.toThrow(sentence);
  });

  test('a version stays the text that it is', async () => {
    for (const version of ['1.10', '007', '1e3', 'null', 'true'])
      expect(await parse('get_model', ['model_id=m', `version=${version}`])).toMatchObject({ version });
  });
});

describe('files', () => {
  test('a list, an object and a text come from a file, a list from lines too', async () => {
    const from = sources({
      'tags.json': '{"team": "a"}',
      'notes.md': '# Notes\n',
      'rows.jsonl': '{"a": 1}\r\n\n{"a": 2}\n',
      'rows.json': '\uFEFF[{"a": 3}]',
    });
    expect(await read('update_model', ['tags=@tags.json', 'description=@notes.md'], from)).toEqual({
      tags: { team: 'a' },
      description: '# Notes\n',
    });
    expect(await read('predict', ['inputs=@rows.jsonl'], from)).toEqual({ inputs: [{ a: 1 }, { a: 2 }] });
    expect(await read('predict', ['inputs=@rows.json'], from)).toEqual({ inputs: [{ a: 3 }] });
    expect(await read('update_model', ['description=@@home'], from)).toEqual({ description: '@home' });
  });

  test('a path starts in the folder; addresses stay as they are', async () => {
    const source = async (text: string) => (await read('deploy_model', [`source=${text}`])).source;
    expect(await source('m.onnx')).toBe(inFolder('m.onnx'));
    expect(await source('@m.onnx')).toBe(inFolder('m.onnx'));
    expect(await source('@runs:x')).toBe(inFolder('runs:x'));
    for (const kept of ['runs:/abc/model', 'models:/m/1', 'file:///m.onnx', '~/m.onnx', '']) {
      expect(await source(kept)).toBe(kept);
    }
    expect(await read('deploy_model', ['-'], sources({}, '{"source": "m.onnx", "model-id": "m"}'))).toEqual({
      source: inFolder('m.onnx'),
      model_id: 'm',
    });
  });

  test('every argument that names a file is known for one', () => {
    const files = catalogue.flatMap(({ name, input }) =>
      Object.entries(argumentSchemas(input).properties)
        .filter(([, { format }]) => format === 'path')
        .map(([argument]) => `${name} ${argument}`),
    );
    expect(files).toEqual([
      'deploy_model source',
      'detect_drift current_path',
      'detect_drift reference_path',
      'register_model source',
      'backtest path',
      'set_reference_data path',
      'predict_file input_path',
      'predict_file output_path',
      'log_predictions path',
      'record_outcomes path',
    ]);
  });
});

describe('standard input', () => {
  test('is one argument, or all', async () => {
    const from = sources({}, '[{"a": 1}]');
    expect(await read('predict', ['model_id=m', 'inputs=-'], from)).toEqual({
      model_id: 'm',
      inputs: [{ a: 1 }],
    });
    const all = sources({}, '{"inputs": [{"a": 1}]}');
    expect(await read('predict', ['-', 'model_id=m'], all)).toEqual({ model_id: 'm', inputs: [{ a: 1 }] });
  });

  test.each([
    [['inputs=-', '-'], '[]', /inputs=- and - would both read standard input/],
    [['-', 'model_id=m'], '{"model_id": "n"}', /model_id is given twice/],
    [['-'], '[]', /Standard input holds no object of JSON/],
    [['-'], '{', /Standard input is not JSON/],
    [['-'], '{"nothing": 1}', /There is no argument nothing/],
    [['-'], '{"__proto__": 1}', /There is no argument __proto__/],
  ])('%j with %s is refused', async (words, input, sentence) => {
    await expect(read('predict', words, sources({}, input))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(sentence),
    });
  });
});

describe('what is wrong is said of the word that is', () => {
  test.each([
    ['nba', /"nba" is no argument/, /model_id=…/],
    ['=nba', /"=nba" is no argument/, /name=value/],
    ['modelid=nba', /There is no argument modelid/, /Did you mean model_id\?/],
    ['zzzzzzzzzz=1', /There is no argument zzzzzzzzzz/, /The arguments are model_id, inputs/],
    ['inputs={"a":1}', /inputs must be a list/, /single quotes/],
    ['inputs="[1]"', /inputs must be a list/, /single quotes/],
    ['tensors=[]', /tensors must be an object/, /single quotes/],
    ['inputs=[{a:1}]', /inputs is not JSON/, /single quotes/],
    ['inputs=', /inputs is not JSON/, /single quotes/],
    ['inputs=[{"a":9007199254740993}]', /beyond 2\^53, which may be rounded/, /as text/],
    ['inputs=@no.json', /The file no\.json cannot be read: ENOENT/, /@@text/],
    ['inputs=@bad.json', /bad\.json is not text in UTF-8/, /UTF-8/],
    ['inputs=@lines.jsonl', /Line 2 of lines\.jsonl is not JSON/, /JSON/],
  ])('%s', async (word, message, hint) => {
    const from = sources({ 'bad.json': Uint8Array.of(0x5b, 0xff), 'lines.jsonl': '{}\n{' });
    await expect(read('predict', [word], from)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  test('an argument that is given twice', async () => {
    await expect(read('predict', ['model_id=a', 'model-id=b'])).rejects.toThrow('model_id is given twice.');
  });
});
