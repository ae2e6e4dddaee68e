import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The licences of the packages in a bundle, as their authors want them to go with every copy.
 *
 * @param files paths of what was bundled, relative to `root`
 */
export function noticesOf(root, files) {
  const folders = new Set(
    files.flatMap((file) => /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  const notices = [...folders].sort().map((folder) => noticeOf(join(root, folder)));
  return `What is bundled with ModelYard, and its licences.\n${[...new Set(notices)].join('')}`;
}

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)(\b|[-_.])/i.test(file) && !/\.(c|m)?[jt]s$/.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const terms = typeof license === 'string' ? license : (license?.type ?? undefined);
  if (terms === undefined && texts.length === 0)
    throw new Error(`${name} ${version} has no licence: it cannot be bundled.`);
  return `\n${'='.repeat(80)}\n${name} ${version}${terms === undefined ? '' : ` (${terms})`}\n\n${texts.join('\n\n')}\n`;
}
