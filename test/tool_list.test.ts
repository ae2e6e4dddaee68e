import { expect, test } from 'vitest';
import { roles } from '../src/access/roles.ts';
import { describeTools } from '../src/describe_tools.ts';
import { readToolList, toolsFor } from '../src/tool_list.ts';
import { catalogue } from '../tools/index.ts';

test('the list that the build made is the catalogue', async () => {
  expect(await readToolList()).toEqual(describeTools(catalogue));
});

test.each(roles.flatMap((role) => [true, false].map((readOnly) => ({ role, readOnly }))))(
  '$role, read-only $readOnly: no text names a tool that is not listed',
  async (caller) => {
    const { tools } = toolsFor(await readToolList(), caller);
    const listed = new Set(tools.map(({ name }) => name));
    const others = catalogue.map(({ name }) => name).filter((name) => !listed.has(name));
    const text = JSON.stringify(tools);
    expect(others.filter((name) => new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
    expect(listed.size + others.length).toBe(catalogue.length);
  },
);
