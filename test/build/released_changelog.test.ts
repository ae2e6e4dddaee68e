import { expect, test } from 'vitest';

const file = new URL('../../build/released_changelog.mjs', import.meta.url).href;
const {
  releasedChangelog,
  changesOf,
}: {
  releasedChangelog(text: string, version: string, day: Date): string | undefined;
  changesOf(text: string, version: string): string | undefined;
} = await import(file);

const day = new Date(Date.UTC(2026, 10, 29, 23, 59));
const before = '# Changelog\n\n## Unreleased\n\n### Added\n\n- One.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n';

test('what was unreleased stands under the version and its day, below an empty section for what comes', () => {
  const after = releasedChangelog(before, '0.2.0', day);
  expect(after).toBe(
    '# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-11-29\n\n### Added\n\n- One.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n',
  );
  expect(changesOf(after ?? '', '0.2.0')).toBe('### Added\n\n- One.');
  expect(changesOf(after ?? '', '0.1.0')).toBe('- First.');
});

test('nothing is released twice, nor a version without changes', () => {
  const after = releasedChangelog(before, '0.2.0', day) ?? '';
  expect(releasedChangelog(after, '0.3.0', day)).toBeUndefined();
  expect(releasedChangelog(before, '0.1.0', day)).toBeUndefined();
  expect(releasedChangelog('# Changelog\n', '0.1.0', day)).toBeUndefined();
});

test('a version is not taken for another that looks like it', () => {
  expect(changesOf(before, '0.1')).toBeUndefined();
  expect(changesOf(before, '0x1.0')).toBeUndefined();
});
