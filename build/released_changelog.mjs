/** The heading below which changes are noted until they are released. */
const unreleased = '## Unreleased\n';

/**
 * The changelog with what was unreleased under a version and its day; an empty section for what comes next stays above.
 *
 * @returns undefined where nothing is unreleased, or the version is there already
 */
export function releasedChangelog(text, version, day) {
  const start = text.indexOf(unreleased);
  if (start === -1 || text.includes(`\n## ${version} `)) return undefined;
  const after = text.slice(start + unreleased.length);
  const next = after.search(/^## /m);
  if ((next === -1 ? after : after.slice(0, next)).trim() === '') return undefined;
  const heading = `## ${version} - ${day.toISOString().slice(0, 10)}\n`;
  return `${text.slice(0, start)}${unreleased}\n${heading}${after}`;
}

/** The changes of one version, without its heading; undefined where the changelog has none of it. */
export function changesOf(text, version) {
  const [, section] = text.split(new RegExp(`^## ${version.replaceAll('.', '\\.')} .*$`, 'm'));
  return section?.split(/^## /m)[0]?.trim();
}
