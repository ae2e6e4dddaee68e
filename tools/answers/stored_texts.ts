import { z } from 'zod';

export { storedTexts } from '../../src/stored_texts.ts';

export const storedNote = z.string();
