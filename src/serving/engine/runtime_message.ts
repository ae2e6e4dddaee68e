/** Messages of onnxruntime as people can read them: the reason first, without the source code it came from. */

const longestReason = 600;

/**
 * The reason alone: without source locations, C++ signatures and line breaks, then where in the graph it happened.
 * `/src/x.cc:7 void onnxruntime::F(const T&, int) a < b was false. Too long` becomes `Too long`.
 */
export function reasonFirst(message: string): string {
  const text = withoutLocations(message.replace(/\s+/g, ' ')).trim();
  // A failed node of a subgraph is wrapped in the message of each node around it: the innermost knows why.
  const nodes = [
    ...text.matchAll(
      /Non-zero status code returned while running (\S+) node\. Name:(.*?) Status Message: ?/g,
    ),
  ];
  const innermost = nodes.at(-1);
  if (innermost === undefined) return withoutCondition(text);
  const [whole, operator = '', name = ''] = innermost;
  const reason = withoutCondition(text.slice(innermost.index + whole.length).trim());
  if (reason === '') return text;
  const node = name.replaceAll("'", '').trim();
  return `${withoutStop(reason)} (operator ${operator}${node === '' ? '' : `, node ${node}`})`;
}

/** At most 600 characters of the reason, with one full stop. */
export function cleanMessage(message: string): string {
  const reason = reasonFirst(message);
  return `${withoutStop(reason.slice(0, longestReason))}${reason.length > longestReason ? '…' : ''}.`;
}

export interface LoadFailure {
  /** What is wrong with the file, in a sentence. */
  message: string;
  /** What to do about it. */
  hint: string;
}

/** Why the runtime did not load a model, and what to do: its words, or ours where it says something we know. */
export function loadFailure(message: string): LoadFailure {
  const reason = reasonFirst(message);
  const [, version, newestVersion] =
    /Unsupported model IR version: (\d+), max supported IR version: (\d+)/.exec(reason) ?? [];
  if (version !== undefined)
    return {
      message: `The file's IR version is ${version}; this runtime takes up to ${newestVersion}.`,
      hint: `Save it with an older one: in Python, model = onnx.load(path); model.ir_version = ${newestVersion}; onnx.save(model, path). Or export with an older onnx package.`,
    };
  const [, opset] = /Opset (\d+) is under development/.exec(reason) ?? [];
  const [, domain, newest] = /support for domain (\S+) is till opset (\d+)/.exec(reason) ?? [];
  if (opset !== undefined && newest !== undefined)
    return {
      message: `The file uses opset ${opset} of ${domain}; this runtime takes up to ${newest}.`,
      hint:
        domain === 'ai.onnx'
          ? `Export it again with an older one (target_opset=${newest} in skl2onnx and onnxmltools, opset_version=${newest} in torch.onnx.export), or convert it: onnx.version_converter.convert_version(model, ${newest}).`
          : `Export it again with an older one, such as target_opset={'${domain}': ${newest}} in skl2onnx.`,
    };
  const [, unknown] =
    /Fatal error: (.{1,200}?)\(-?\d+\) is not a registered function\/op/.exec(reason) ??
    /No Op registered for (.{1,200}? with domain_version of \d+)/.exec(reason) ??
    [];
  if (unknown !== undefined)
    return {
      message: `The model uses an operator that this runtime does not have: ${unknown}.`,
      hint: 'Export it with standard ONNX operators only, or with an older target opset that has this one.',
    };
  if (/protobuf parsing failed/i.test(reason))
    return {
      message: 'The file is no whole ONNX model: it is damaged or cut short.',
      hint: 'Copy or save it again, and check it with onnx.checker.check_model.',
    };
  return {
    message: `The file cannot be loaded as an ONNX model: ${cleanMessage(message)}`,
    hint: 'Check the file with onnx.checker.check_model and onnxruntime in Python; export it again with standard operators if it fails there too.',
  };
}

/** Without each `path/file.cc:12 type onnxruntime::Function(arguments) const [with T = int]`. */
function withoutLocations(text: string): string {
  let rest = text;
  for (let found = location.exec(rest); found !== null; found = location.exec(rest)) {
    const end = signatureEnd(rest, found.index + found[0].length);
    rest = `${rest.slice(0, found.index)}${rest.slice(end).trimStart()}`;
  }
  return rest;
}

const location = /\S*\.(cc|cpp|h|hpp|cuh?)(:\d+)? ?/;
/** A list of arguments begins at most this many characters after a location. */
const longestFunctionName = 500;

/** Where a C++ signature that begins at `start` ends; `start` itself where none begins. */
function signatureEnd(text: string, start: number): number {
  const open = text.indexOf('(', start);
  const head = text.slice(start, open);
  if (open === -1 || head.length > longestFunctionName || !/^[\w:<>,&*~ ]*$/.test(head)) return start;
  let end = closing(text, open);
  // Such as `::operator()(int) const [with T = float]`.
  for (let more = tail.exec(text.slice(end)); more !== null; more = tail.exec(text.slice(end)))
    end = /[([]$/.test(more[0]) ? closing(text, end + more[0].length - 1) : end + more[0].length;
  return end;
}

const tail = /^( const\b| noexcept\b| ?\[|::[\w:<>~ ]*\(|>|\()/;

/** The position after the bracket that closes the one at `open`; the end of the text where none does. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let index = open; index < text.length; index++) {
    if ('([{'.includes(text.charAt(index))) depth++;
    else if (')]}'.includes(text.charAt(index)) && --depth === 0) return index + 1;
  }
  return text.length;
}

/** A failed check is told as `condition was false. reason`. */
function withoutCondition(text: string): string {
  const reason = /^.{1,400}? was false\. ?(?=\S)(.*)$/s.exec(text)?.[1];
  return reason ?? text;
}

function withoutStop(text: string): string {
  return text.replace(/[.\s]+$/, '');
}
