import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { lackingTools, openNotes, withoutTools } from '../../src/access/known_tools.ts';
import { roles } from '../../src/access/roles.ts';
import { catalogue } from '../../tools/index.ts';

const lacking = ['deploy_model', 'promote_model', 'predict'];

test.each([
  ['Names none (of them); stays.', 'Names none (of them); stays.'],
  ['The rows (deploy_model first), by feature.', 'The rows, by feature.'],
  ['Call again then, or call deploy_model.', 'Call again then.'],
  ['Call deploy_model, or call again.', 'Call again.'],
  ['Before promote_model; the verdict: get_performance.', 'The verdict: get_performance.'],
  ['Call deploy_model, then detect_drift again.', ''],
  ['It has not run. Call deploy_model. Then wait.', 'It has not run. Then wait.'],
  [
    'No row has an outcome. predict gives them; a reference helps.',
    'No row has an outcome. A reference helps.',
  ],
  ['One line.\nCall predict.\nAnother.', 'One line.\nAnother.'],
  ['predict_file and unpredictable stay.', 'predict_file and unpredictable stay.'],
])('%j reads %j', (text, left) => expect(withoutTools(text, lacking)).toBe(left));

test('only sentences of the server itself are touched in an answer', () => {
  const answer = {
    warnings: ['Fine.', 'Call predict.', 'Slow: call again, or promote_model.'],
    note: 'predict',
    versions: [{ version: 'predict', notes: ['Call predict.'], tags: { detail: 'predict' } }],
    checks: [{ name: 'mlflow', detail: '2 problems (promote_model)' }],
  };
  expect(openNotes(answer, lacking)).toEqual({
    ...answer,
    warnings: ['Fine.', 'Slow: call again.'],
    versions: [{ version: 'predict', notes: [], tags: { detail: 'predict' } }],
    checks: [{ name: 'mlflow', detail: '2 problems' }],
  });
  expect(openNotes(answer, [])).toBe(answer);
});

/** Every text of the source, comments left out; what a template fills in reads …. */
function textsOf(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return textsOf(path);
    const found = readFileSync(path, 'utf8').matchAll(
      /\/\*[\s\S]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g,
    );
    return [...found].flatMap(([text]) =>
      text.startsWith('/') ? [] : text.slice(1, -1).replace(/\$\{[^{}]*\}/g, '…'),
    );
  });
}

const root = join(import.meta.dirname, '../..');
const names = new RegExp(`\\b(${catalogue.map(({ name }) => name).join('|')})\\b`);
const texts = ['src', 'tools']
  .flatMap((directory) => textsOf(join(root, directory)))
  .filter((text) => /\s/.test(text) && names.test(text));

describe.each(
  roles.flatMap((role) => [
    { role, readOnly: false },
    { role, readOnly: true },
  ]),
)('$role, read-only: $readOnly', (caller) => {
  const withheld = lackingTools(catalogue, caller);
  const withheldName = new RegExp(`\\b(${withheld.join('|') || 'none at all'})\\b`);

  it('every tool that it may call is still described by a sentence that names no other', () => {
    for (const { name, description } of catalogue.filter((tool) => !withheld.includes(tool.name))) {
      const told = withoutTools(description, withheld);
      expect(told, name).not.toMatch(withheldName);
      expect(told, name).toMatch(/^[A-Z].{40,}\.$/s);
      // Nothing but what leads to other tools is left out.
      expect(told.length, name).toBeGreaterThan(description.length * 0.7);
    }
  });

  it('no text of the source comes out with such a name or in pieces', () => {
    expect(texts.length).toBeGreaterThan(60);
    for (const text of texts) {
      const told = withoutTools(text, withheld);
      expect(told).not.toMatch(withheldName);
      if (told !== text) expect(told).not.toMatch(/^(or|and|then)\b|[,;:]\.|\(\s*\)| {2}|[,;:(]$/i);
    }
  });
});
