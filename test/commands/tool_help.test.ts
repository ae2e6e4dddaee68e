import { expect, test } from 'vitest';
import { toolHelp } from '../../src/commands/tool_help.ts';
import { catalogue } from '../../tools/index.ts';

test.each(catalogue.map((tool) => [tool.name, tool] as const))(
  '%s --help has its texts and every argument, in 80 columns',
  (name, tool) => {
    const help = toolHelp(tool);
    expect(help.split('\n')[0]).toContain(`Usage: modelyard ${name} `);
    expect(help.replaceAll(/\s+/g, ' ')).toContain(tool.description.replaceAll(/\s+/g, ' '));
    for (const [argument, schema] of Object.entries(tool.input.shape)) {
      const mark = schema.safeParse(undefined).success ? '' : '\\*';
      expect(help).toMatch(new RegExp(`^  ${argument}${mark} +\\S`, 'm'));
    }
    const isWord = (line: string) => /^ *\S+$/.test(line);
    expect(help.split('\n').filter((line) => line.length > 80 && !isWord(line))).toEqual([]);
  },
);

test('types, bounds and defaults are told', () => {
  const help = catalogue.map(toolHelp).join('\n').replaceAll(/\s+/g, ' ');
  for (const text of [
    'limit whole number, 1 to 200 (25)',
    'response_format concise | detailed (concise)',
    'target_stage* development | staging | production | archived',
    'source file. Absolute .onnx path, or MLflow',
    'since time, such as 2026-01-31T12:00:00Z',
    'inputs list of objects',
    'feature_names list of texts. One a column',
    'set_active true | false (true)',
    'weights* object',
    'error_threshold number, 0 to 1. Degraded',
    'latency_threshold_ms number, above 0. Degraded',
    'Needs MODELYARD_ROLE=admin or higher.',
    'Needs MODELYARD_ROLE=operator or higher.',
  ])
    expect(help).toContain(text);
});
