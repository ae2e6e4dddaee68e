/** What drawing must know of a font: which characters it has, and how wide they are. */
export interface Font {
  has(codePoint: number): boolean;
  /** In multiples of the font size, without kerning or ligatures. Invisible characters have no width. */
  width(text: string): number;
}

/** Characters that steer the ones beside them and are never seen: joiners, direction marks, isolates, variants. */
const invisible = /[\u200c-\u200f\u2066-\u2069]|\p{Variation_Selector}/u;

/**
 * Reads the character map and the advance widths of a TrueType file (OpenType specification 1.9: `cmap` format 12,
 * `head`, `hhea`, `hmtx`).
 * @throws Error where the file has no such table
 */
export function readFont(file: Buffer): Font {
  const tables = new Map<string, Buffer>();
  for (let table = 0; table < file.readUInt16BE(4); table++) {
    const entry = 12 + 16 * table;
    const start = file.readUInt32BE(entry + 8);
    tables.set(
      file.toString('latin1', entry, entry + 4),
      file.subarray(start, start + file.readUInt32BE(entry + 12)),
    );
  }
  const tableOf = (name: string): Buffer => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`the font has no table ${name}`);
    return table;
  };
  const glyphs = readCharacterMap(tableOf('cmap'));
  const unitsPerEm = tableOf('head').readUInt16BE(18);
  const lastWidth = tableOf('hhea').readUInt16BE(34) - 1;
  const metrics = tableOf('hmtx');
  const widthOf = (glyph: number) => metrics.readUInt16BE(4 * Math.min(glyph, lastWidth)) / unitsPerEm;

  return {
    has: (codePoint) => invisible.test(String.fromCodePoint(codePoint)) || glyphs.has(codePoint),
    width(text) {
      let width = 0;
      for (const character of text) {
        if (!invisible.test(character)) width += widthOf(glyphs.get(character.codePointAt(0) ?? 0) ?? 0);
      }
      return width;
    },
  };
}

/** Glyph per character, from the subtable that covers all of Unicode. */
function readCharacterMap(table: Buffer): Map<number, number> {
  for (let subtable = 0; subtable < table.readUInt16BE(2); subtable++) {
    const start = table.readUInt32BE(4 + 8 * subtable + 4);
    if (table.readUInt16BE(start) !== 12) continue;
    const glyphs = new Map<number, number>();
    for (let group = 0; group < table.readUInt32BE(start + 12); group++) {
      const entry = start + 16 + 12 * group;
      const first = table.readUInt32BE(entry);
      const last = table.readUInt32BE(entry + 4);
      const glyph = table.readUInt32BE(entry + 8);
      for (let character = first; character <= last; character++) {
        glyphs.set(character, glyph + character - first);
      }
    }
    return glyphs;
  }
  throw new Error('the font has no character map of format 12');
}
