import type { Preview } from '../../src/registry/stage_change.ts';

/**
 * What a change that was only previewed or tried would do; it stands first in an answer, so that it is read first.
 */
export function describePreview(preview: Preview | undefined) {
  return (
    preview && {
      preview: preview.sentence,
      would_apply: preview.wouldApply,
      would_archive: preview.wouldArchive,
    }
  );
}
