import fc from 'fast-check';
import { expect, test } from 'vitest';
import { evenPieces } from '../../src/uploads/even_pieces.ts';

test('the bytes stay the same in their order, and all pieces but the last have the size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.integer({ min: 1, max: 20 }),
      async (chunks, size) => {
        async function* content() {
          yield* chunks;
        }
        const pieces: Buffer[] = [];
        for await (const piece of evenPieces(content(), size)) pieces.push(piece);
        expect(Buffer.concat(pieces)).toEqual(Buffer.concat(chunks));
        expect(pieces.slice(0, -1).every(({ length }) => length === size)).toBe(true);
        expect(pieces.every(({ length }) => length > 0 && length <= size)).toBe(true);
      },
    ),
  );
});
