import { z } from 'zod';
import { toolsets } from '../../src/toolsets.ts';
import type { Tool } from '../../tools/define_tool.ts';

/** docs/TOOLS.md, from the catalogue: what each tool is for, who may call it, what it takes and what it answers. */
export function toolsPage(catalogue: readonly Tool[]): string {
  return [
    '# Tools',
    '',
    'Made from the catalogue (`tools/index.ts`) by `UPDATE_GUIDE=1 npx vitest run test/docs`; a test keeps it so.',
    '`READ` is for every role, `PREDICT` and `FILE` (it writes a file, which a read-only server does not) from client on, `WRITE` from operator on, `ADMIN` for admin.',
    '',
    ...toolsetsSection(),
    '| tool | permission | changes | |',
    '| --- | --- | --- | --- |',
    ...catalogue.map(
      (tool) =>
        `| [\`${tool.name}\`](#${tool.name}) | ${tool.permission} | ${changesOf(tool)} | ${firstSentence(tool.description)} |`,
    ),
    '',
    ...catalogue.flatMap(sectionOf),
  ].join('\n');
}

/** What `--toolsets` takes. */
function toolsetsSection(): string[] {
  return [
    '## Toolsets',
    '',
    'A client whose model has little room, or one job, need not be offered all: `--toolsets core` (or the setting `MODELYARD_TOOLSETS`) of the server offers the tools of the sets that it names, separated by commas, over standard input and over HTTP. A call of another says which set it is in. Texts name no tool that is not offered; resources stay. What a role may not call is not offered in any set.',
    '',
    '| set | tools |',
    '| --- | --- |',
    ...Object.entries(toolsets).map(
      ([set, tools]) => `| \`${set}\` | ${tools.map((name) => `[\`${name}\`](#${name})`).join(', ')} |`,
    ),
    '',
  ];
}

function changesOf({ hints }: Tool): string {
  if (hints.readOnly) return 'nothing';
  return hints.destructive ? 'destructive' : 'adds';
}

function firstSentence(text: string): string {
  return cell(/^.*?[.](?=\s|$)/s.exec(text)?.[0] ?? text);
}

function sectionOf(tool: Tool): string[] {
  return [
    `## ${tool.name}`,
    '',
    tool.description,
    '',
    ...tableOf('argument', tool.input),
    ...tableOf('answer field', tool.output),
  ];
}

interface Node {
  type?: string | string[];
  properties?: Record<string, Node>;
  required?: string[];
  items?: Node;
  additionalProperties?: Node | boolean;
  enum?: unknown[];
  anyOf?: Node[];
  default?: unknown;
  description?: string;
}

function tableOf(what: string, schema: z.ZodObject): string[] {
  const { properties = {}, required = [] } = jsonSchemaOf(schema, what === 'argument' ? 'input' : 'output');
  if (Object.keys(properties).length === 0) return [];
  const rows = Object.entries(properties).map(([name, node]) => {
    const isOptional = !required.includes(name);
    const preset = node.default === undefined ? '' : ` Default: \`${JSON.stringify(node.default)}\`.`;
    return `| \`${name}\`${isOptional ? '?' : ''} | ${cell(typeOf(node))} | ${cell(`${node.description ?? ''}${preset}`)} |`;
  });
  return [`| ${what} | type | |`, '| --- | --- | --- |', ...rows, ''];
}

function jsonSchemaOf(schema: z.ZodObject, io: 'input' | 'output'): Node {
  return z.toJSONSchema(schema, { io, target: 'draft-7', unrepresentable: 'any', reused: 'inline' }) as Node;
}

/** A type as TypeScript would write it, fields of objects by name. */
function typeOf(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeOf))].join(' | ');
  if (node.type === 'array') return `array of ${node.items === undefined ? 'any' : typeOf(node.items)}`;
  if (node.properties !== undefined) return `{ ${Object.keys(node.properties).join(', ')} }`;
  if (typeof node.additionalProperties === 'object') return `map to ${typeOf(node.additionalProperties)}`;
  return Array.isArray(node.type) ? node.type.join(' | ') : (node.type ?? 'any');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').trim();
}
