import { z } from 'zod';

export { isOfWords, storedTexts } from '../../src/stored_texts.ts';

export const storedNote = z.string();
