import { expect, test } from 'vitest';
import type { Caller } from '../src/access/roles.ts';
import { instructionsFor } from '../src/instructions.ts';
import { readToolList, toolsFor } from '../src/tool_list.ts';
import { isToolset, type Toolset, toolsetNames, toolsets } from '../src/toolsets.ts';
import { catalogue } from '../tools/index.ts';

const admin: Caller = { role: 'admin', readOnly: false };
const listed = async (offered?: readonly Toolset[]) => toolsFor(await readToolList(), admin, offered);
const tokensOf = (list: unknown) => JSON.stringify(list).length / 4;
const sets = toolsetNames.filter(isToolset);

test('every tool is in a set, and every name in a set is a tool', () => {
  const named = new Set<string>(Object.values(toolsets).flat());
  expect([...named].toSorted()).toEqual(catalogue.map(({ name }) => name).toSorted());
});

test.each([...sets.map((set): [string, Toolset[] | undefined] => [set, [set]]), ['all', undefined]])(
  '%s: fits its room, and no text names a tool that is not there',
  async (set, offered) => {
    const list = await listed(offered);
    const names = list.tools.map(({ name }) => name);
    const inSets = offered?.flatMap((one): readonly string[] => toolsets[one]);
    expect(names).toEqual(
      catalogue.map(({ name }) => name).filter((name) => inSets === undefined || inSets.includes(name)),
    );
    process.stdout.write(`tools/list of ${set}: ${tokensOf(list)} tokens (characters / 4)\n`);
    expect(tokensOf(list)).toBeLessThanOrEqual(set === 'core' ? 3500 : 9000);
    const text = JSON.stringify([list, instructionsFor(admin, offered)]);
    // A step of rollouts, and a gate, are called backtest too.
    const others = catalogue
      .map(({ name }) => name)
      .filter((name) => !names.includes(name) && name !== 'backtest');
    expect(others.filter((name) => new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
    for (const { description } of list.tools) expect(description).toMatch(/^[A-Z].{40,}\.$/s);
  },
);

test('several sets are all of their tools, each once, in the order of the whole list', async () => {
  const { tools } = await listed(['rollouts', 'core']);
  const names = tools.map(({ name }) => name);
  expect(names).toEqual(
    catalogue
      .map(({ name }) => name)
      .filter((name) => [...toolsets.core, ...toolsets.rollouts].some((one) => one === name)),
  );
});
