import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ProductionEntry, productionLine, versionBefore } from '../../src/registry/production_line.ts';

const promoted = (version: string): ProductionEntry => ({ version, kind: 'promotion' });
const rolledBack = (version: string): ProductionEntry => ({ version, kind: 'rollback' });
const always = () => true;

describe('the line of versions in production', () => {
  test('grows with promotions and shrinks with rollbacks', () => {
    const entries = [promoted('1'), promoted('2'), promoted('3')];
    expect(productionLine(entries)).toEqual(['1', '2', '3']);
    expect(versionBefore(['1', '2', '3'], '3', always)).toBe('2');
    const once = [...entries, rolledBack('2')];
    expect(productionLine(once)).toEqual(['1', '2']);
    expect(versionBefore(productionLine(once), '2', always)).toBe('1');
    const twice = [...once, rolledBack('1')];
    expect(productionLine(twice)).toEqual(['1']);
    expect(versionBefore(productionLine(twice), '1', always)).toBeUndefined();
  });

  test('goes on after a rollback with what is promoted next', () => {
    const entries = [promoted('1'), promoted('2'), rolledBack('1'), promoted('3')];
    expect(versionBefore(productionLine(entries), '3', always)).toBe('1');
  });

  test('a rollback may also go to a version that was taken off', () => {
    const entries = [promoted('1'), promoted('2'), rolledBack('1'), rolledBack('2')];
    expect(productionLine(entries)).toEqual(['1', '2']);
  });

  test('goes back to the last one when production is vacant, and passes over what is gone', () => {
    const line = ['1', '2', '3'];
    expect(versionBefore(line, undefined, always)).toBe('3');
    expect(versionBefore(line, undefined, (version) => version !== '3')).toBe('2');
    expect(versionBefore(line, '3', (version) => version === '1')).toBe('1');
    expect(versionBefore([], undefined, always)).toBeUndefined();
  });

  test('a version that came back goes back to the one between', () => {
    expect(versionBefore(productionLine([promoted('1'), promoted('2'), promoted('1')]), '1', always)).toBe(
      '2',
    );
  });

  test('rolling back again and again ends, with the versions of the line in reverse', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 20 }),
        (versions) => {
          // What is in production is not promoted once more.
          const entries = versions.filter((version, index) => version !== versions[index - 1]).map(promoted);
          const seen: string[] = [];
          let current = entries.at(-1)?.version;
          while (current !== undefined) {
            seen.push(current);
            const before = versionBefore(productionLine(entries), current, always);
            if (before !== undefined) entries.push(rolledBack(before));
            current = before;
          }
          const line = versions.filter((version, index) => version !== versions[index - 1]);
          expect(seen).toEqual(line.toReversed());
        },
      ),
    );
  });
});
