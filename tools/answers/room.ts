/** Characters of a default answer at any size of store and model: 2 000 tokens of four characters. */
export const answerCharacters = 8000;
/** Kept for the names of the fields and the sentence on what is left out. */
const keptCharacters = 700;
/** An answer that does not fit is made anew with room for this many characters less, at least. */
const leastCut = 200;

/** How many items a default answer shows at least, and at most. */
interface Bounds {
  least?: number;
  limit?: number;
}

/** Parts of an answer, each as far as it has room; what is left out is counted. */
export interface Room {
  /** Takes the characters of what is shown in any case. */
  take(shown: unknown): void;
  /** The first items that have room: at most `most` characters. */
  items<Item>(items: readonly Item[], what: string, most?: number, bounds?: Bounds): Item[];
  /** The first members that have room. */
  members<Value>(
    members: Readonly<Record<string, Value>>,
    what: string,
    most?: number,
  ): Record<string, Value>;
  /** The beginning of a text. */
  text(text: string, what: string, most?: number): string;
  /** The sentence that counts what is left out and says how it is had; nothing where all is shown. */
  notWhole(how: string): { not_whole?: string };
}

/**
 * Room for an answer's parts, in the order in which they are asked for: of a default answer what keeps it at 2 000 tokens,
 * of a detailed one all.
 */
export function roomFor(isWhole: boolean, characters = answerCharacters - keptCharacters): Room {
  let left = isWhole ? Number.POSITIVE_INFINITY : characters;
  const cuts: string[] = [];
  const within = (most: number) => (left === Number.POSITIVE_INFINITY ? left : Math.min(most, left));
  const count = (shown: number, all: number, what: string) => {
    if (shown < all) cuts.push(`${shown} of ${all} ${what}`);
  };
  const take = (shown: unknown) => {
    left -= sizeOf(shown);
  };
  const items: Room['items'] = (all, what, most = left, { least = 0, limit = all.length } = {}) => {
    const shown = fitting(isWhole ? all : all.slice(0, limit), within(most), least);
    count(shown.length, all.length, what);
    take(shown);
    return shown;
  };
  return {
    take,
    items,
    members: (all, what, most) => Object.fromEntries(items(Object.entries(all), what, most)),
    text(all, what, most = left) {
      const room = Math.max(0, within(most));
      const shown = all.length <= room ? all : beginning(all, room);
      count(shown.length - Number(shown !== all), all.length, `characters of ${what}`);
      take(shown);
      return shown;
    },
    notWhole: (how) => (cuts.length === 0 ? {} : { not_whole: `Shown: ${cuts.join(', ')}. ${how}` }),
  };
}

/** An answer whose parts are cut only where it would not fit otherwise, and as far as it takes to fit. */
export function fittingAnswer<Answer>(isWhole: boolean, build: (room: Room) => Answer): Answer {
  const uncut = build(roomFor(isWhole, Number.POSITIVE_INFINITY));
  if (isWhole || charactersOf(uncut) <= answerCharacters) return uncut;
  for (let characters = answerCharacters; ; ) {
    const answer = build(roomFor(false, characters));
    const tooMany = charactersOf(answer) - answerCharacters;
    // What has no part left to cut is as it is.
    if (tooMany <= 0 || characters <= 0) return answer;
    characters -= Math.max(tooMany, leastCut);
  }
}

const charactersOf = (answer: unknown) => JSON.stringify(answer).length;

/** The first items that have room, at least `least`. */
function fitting<Item>(items: readonly Item[], characters: number, least: number): Item[] {
  let left = characters;
  const end = items.findIndex((item, index) => {
    left -= sizeOf(item);
    return left < 0 && index >= least;
  });
  return end === -1 ? [...items] : items.slice(0, end);
}

/** At most so many characters of a text, `…` at the end of one that is longer. */
export function beginning(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, Math.max(0, characters - 1))}…`;
}

/** As JSON, with the comma after it. */
function sizeOf(value: unknown): number {
  return (JSON.stringify(value)?.length ?? 0) + 1;
}
