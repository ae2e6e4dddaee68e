import { describe, expect, it } from 'vitest';
import {
  compactCount,
  isolatedName,
  shownCount,
  shownName,
  shownNumber,
  shownRows,
  shownShare,
} from '../../../src/monitoring/charts/text.ts';

describe('shownName', () => {
  it('leaves short names alone, whatever is in them', () => {
    for (const name of ['elo', 'a.b[0]["c"]', '<b>&amp;</b>', 'שם', '温度', 'family 👩‍👩‍👧']) {
      expect(shownName(name)).toBe(name);
    }
  });

  it('cuts long ones in the middle, so that both ends tell them apart', () => {
    const one = shownName(`${'customer_lifetime_value_'.repeat(5)}mean_30d`);
    expect([...one]).toHaveLength(60);
    expect(one).toMatch(/^customer_lifetime_value_customer_lif…/);
    expect(one).toMatch(/mean_30d$/);
    expect([...shownName('😀'.repeat(100), 11)].join('')).toBe(`${'😀'.repeat(6)}…${'😀'.repeat(4)}`);
  });

  it('writes out what would spoil the text around it', () => {
    expect(shownName('a\nb\u0000\u202ec')).toBe('a\\u000Ab\\u0000\\u202Ec');
    expect(shownName('\ud800')).toBe('\\uD800');
    expect([...shownName('\n'.repeat(100))].length).toBeLessThanOrEqual(60);
  });

  it('quotes emptiness', () => {
    expect(shownName('')).toBe('""');
    expect(shownName(' x')).toBe('" x"');
  });

  it('isolates a name among other words', () => {
    expect(isolatedName('שם')).toBe('\u2068שם\u2069');
    expect(isolatedName('\u2069x')).toBe('\u2068\\u2069x\u2069');
  });
});

describe('numbers', () => {
  it('have four digits at most', () => {
    const shown = [0, -0, 1 / 3, 123456, 12_350_000, 0.00001234, -2.5, 999_999.9].map((value) =>
      shownNumber(value),
    );
    expect(shown).toEqual(['0', '0', '0.3333', '123500', '1.235e7', '1.234e-5', '-2.5', '1e6']);
    expect(shownNumber(0.0456, 2)).toBe('0.046');
  });

  it('count', () => {
    expect([0, 999, 1000, 1_234_567].map(shownCount)).toEqual([
      '0',
      '999',
      '1\u00a0000',
      '1\u00a0234\u00a0567',
    ]);
    expect([1, 2].map(shownRows)).toEqual(['1 row', '2 rows']);
    expect([9999, 10_000, 999_499, 999_500, 4_560_000, 2.5e9].map(compactCount)).toEqual([
      '9999',
      '10k',
      '999k',
      '1M',
      '4.56M',
      '2.5G',
    ]);
  });

  it('are 0 % and 100 % only where they are', () => {
    expect([0, 1e-6, 0.0123, 0.5, 0.996, 0.99999, 1].map(shownShare)).toEqual(
      ['0', '<0.1', '1.2', '50', '99.6', '>99.9', '100'].map((percent) => `${percent}\u00a0%`),
    );
  });
});
