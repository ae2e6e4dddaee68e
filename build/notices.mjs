import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whose package names a licence and carries no text, with the line that the text begins with. ONNX Runtime's own parts are
 * in the notices of its repository, which its package for Node leaves out.
 */
const holders = {
  'onnxruntime-common': 'Copyright (c) Microsoft Corporation',
  'onnxruntime-node':
    'Copyright (c) Microsoft Corporation\n\nWhat ONNX Runtime is made of: ThirdPartyNotices.txt in github.com/microsoft/onnxruntime.',
};

/**
 * The licences of the packages in a bundle, as their authors want them to go with every copy: each text once, below the
 * packages that it goes with.
 *
 * @param files paths of what was bundled, relative to `root`
 */
export function noticesOf(root, files) {
  const folders = new Set(
    files.flatMap((file) => /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  const namesByText = new Map();
  for (const folder of [...folders].sort()) {
    const { name, text } = noticeOf(join(root, folder), root);
    namesByText.set(text, (namesByText.get(text) ?? new Set()).add(name));
  }
  const notices = [...namesByText].map(
    ([text, names]) => `\n${'='.repeat(80)}\n${[...names].join('\n')}\n\n${text}\n`,
  );
  return `What is bundled with ModelYard, and its licences.\n${notices.join('')}`;
}

function noticeOf(folder, root) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)(\b|[-_.])/i.test(file) && !/\.(c|m)?[jt]s$/.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const terms = typeof license === 'string' ? license : (license?.type ?? undefined);
  if (terms === undefined && texts.length === 0)
    throw new Error(`${name} ${version} has no licence: it cannot be bundled.`);
  const holder = holders[name];
  if (texts.length === 0 && holder !== undefined && terms === 'MIT') texts.push(mitText(root, holder));
  return {
    name: `${name} ${version}${terms === undefined ? '' : ` (${terms})`}`,
    text: texts.join('\n\n'),
  };
}

/** The text of the MIT licence, which is ours too, with another's name in it. */
function mitText(root, holder) {
  const [, conditions] = readFileSync(join(root, 'LICENSE'), 'utf8').split(/^Copyright .*$/m);
  return `${holder}\n${conditions.trimEnd()}`;
}
