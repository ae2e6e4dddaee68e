import type { z } from 'zod';
import type { comparisonAnswer } from './performance_answer.ts';
import type { versionAmongOthers, versionFields } from './performance_fields.ts';
import { beginning, type Room } from './room.ts';

type VersionAnswer = z.input<z.ZodObject<typeof versionFields>>;
type Comparison = ReturnType<typeof comparisonAnswer>;

/** Characters of the parts of a concise answer, and of each note. */
const most = { notes: 900, note: 300, drops: 900, segments: 1700, versions: 5000, verdicts: 2600, arms: 900 };

/** What is said of the version that was asked for, as far as it has room. */
export function versionWithin(answer: VersionAnswer, room: Room, isDetailed: boolean): VersionAnswer {
  if (isDetailed) return answer;
  const { notes, segments, reference, ...rest } = answer;
  room.take(rest);
  room.take(reference?.metrics);
  return {
    ...rest,
    ...(reference && {
      reference: {
        ...reference,
        // Those that dropped first.
        drops: room.items(
          reference.drops.toSorted((a, b) => Number(b.dropped) - Number(a.dropped)),
          'comparisons with the reference',
          most.drops,
        ),
      },
    }),
    ...(segments && { segments: room.items(segments, 'segments', most.segments) }),
    notes: notesWithin(notes, 'notes', room),
  };
}

/** What is said of several versions and of the better one, as far as it has room. */
export function versionsWithin(
  {
    versions,
    comparison,
  }: { versions: z.input<typeof versionAmongOthers>[]; comparison: Comparison | undefined },
  room: Room,
  isDetailed: boolean,
) {
  if (isDetailed) return { versions, ...(comparison && { comparison }) };
  // The verdicts are what was asked for.
  const compared = comparison && {
    ...comparison,
    verdicts: room.items(comparison.verdicts, 'verdicts', most.verdicts),
    arms: room.items(comparison.arms, 'arms', most.arms),
    // The last say what came of it.
    notes: notesWithin(comparison.notes.toReversed(), 'notes on the comparison', room).toReversed(),
  };
  return {
    versions: room.items(versions, 'versions', most.versions),
    ...(compared && { comparison: compared }),
  };
}

function notesWithin(notes: readonly string[], what: string, room: Room): string[] {
  return room.items(
    notes.map((note) => beginning(note, most.note)),
    what,
    most.notes,
  );
}
