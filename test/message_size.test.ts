import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerText, maxMessageBytes, maxTextBytes } from '../src/message_size.ts';

/** The bytes of a message with an answer and its text. */
const messageBytes = (json: string, text: string) =>
  Buffer.byteLength(
    `{"content":[{"type":"text","text":${JSON.stringify(text)}}],"structuredContent":${json}}`,
  );

test('the text is the JSON up to a megabyte, and says where the answer is above it', () => {
  const of = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));
  expect(answerText(of(1000), 0)).toBe(of(1000));
  expect(answerText(of(maxTextBytes), 0)).toBe(of(maxTextBytes));
  expect(answerText(of(maxTextBytes + 1), 0)).toBe(
    'The answer has 1.0 MB as JSON: it is in structuredContent only.',
  );
  expect(answerText(of(maxMessageBytes), 0)).toBeUndefined();
  expect(answerText(of(1000), maxMessageBytes)).toBeUndefined();
});

test('what is given fits into a message, whatever characters it has', () => {
  const characters = fc.constantFrom('"', '\\', '\u0000', 'é', '語', '😀', 'a');
  fc.assert(
    fc.property(characters, fc.integer({ min: 1, max: 3_000_000 }), (character, count) => {
      const json = JSON.stringify(character.repeat(count));
      const text = answerText(json, 0);
      if (text === undefined) expect(Buffer.byteLength(json)).toBeGreaterThan(maxMessageBytes - 100_000);
      else expect(messageBytes(json, text)).toBeLessThanOrEqual(maxMessageBytes);
    }),
    { numRuns: 30 },
  );
});
