import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { catalogue } from '../../tools/index.ts';
import { toolsPage } from './tools_page.ts';

const docs = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test('docs/TOOLS.md is the catalogue', () => {
  const page = toolsPage(catalogue);
  if (process.env.UPDATE_GUIDE === '1') writeFileSync(docs('docs/TOOLS.md'), page);
  expect(readFileSync(docs('docs/TOOLS.md'), 'utf8')).toBe(page);
});
