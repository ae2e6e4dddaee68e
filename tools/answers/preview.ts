import type { Preview } from '../../src/registry/stage_change.ts';
import type { Room } from './room.ts';

/** Characters of its sentences in a concise answer. */
const previewCharacters = 1500;

/**
 * What a change that was only previewed or tried would do; it stands first in an answer, so that it is read first.
 */
export function describePreview(preview: Preview | undefined, room: Room) {
  return (
    preview && {
      preview: room.text(preview.sentence, 'the preview', previewCharacters),
      would_apply: preview.wouldApply,
      would_archive: room.items(preview.wouldArchive, 'versions to archive', previewCharacters),
    }
  );
}
