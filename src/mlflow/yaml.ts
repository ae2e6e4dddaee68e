import { CST, Lexer, parseDocument, type ScalarTag } from 'yaml';

/**
 * Reads YAML as Python's PyYAML does, which wrote what MLflow keeps. Numbers and dates stay text, since an id that
 * only looks like one must not change. A document that is JSON is read as JSON.
 * @throws Error with one sentence that names the line: also of tags that PyYAML's safe_load refuses
 */
export function parseYaml(text: string): unknown {
  if (text.trimStart().startsWith('{')) return JSON.parse(text);
  checkSize(text);
  const document = parseDocument(text, {
    version: '1.1',
    schema: 'failsafe',
    customTags: [missing, truth],
    stringKeys: true,
    logLevel: 'error',
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) throw new Error(problem.message.split('\n', 1)[0]?.replace(/:$/, ''));
  // An alias stands for what it names; more of them than a model's file could have would fill the memory.
  return document.toJS({ maxAliasCount: 100 });
}

/** The columns of names that a model may have, and what stands around them, are a fifth of it. */
const maxTokens = 250_000;
/** Of brackets in brackets, and of the column at which a block may begin, which bounds how deep blocks are. */
const maxDepth = 100;

/** Nesting without end would overflow the library's stack, where a regular expression may end the whole process. */
function checkSize(text: string): void {
  let tokens = 0;
  let brackets = 0;
  let column = 0;
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token);
    if (type === 'flow-seq-start' || type === 'flow-map-start') brackets++;
    if (type === 'flow-seq-end' || type === 'flow-map-end') brackets--;
    const opensBlock = type === 'seq-item-ind' || type === 'explicit-key-ind';
    const begins = opensBlock ? column : column === 0 && type === 'space' ? token.length : 0;
    if (brackets > maxDepth || begins > maxDepth) throw new Error('it is nested too deeply');
    if (++tokens > maxTokens) throw new Error('it has more parts than the description of a model has');
    const lineEnd = token.lastIndexOf('\n');
    column = lineEnd === -1 ? column + token.length : token.length - lineEnd - 1;
  }
}

/**
 * PyYAML's own rules for what a plain scalar is: YAML 1.1 has y and n among the booleans too, which PyYAML reads and
 * writes as text; the class labels of a model may be just these.
 */
const missing: ScalarTag = {
  tag: 'tag:yaml.org,2002:null',
  default: true,
  test: /^(?:~|null|Null|NULL|)$/,
  resolve: () => null,
};
const truth: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
};
