import { describe, expect, test } from 'vitest';
import { traceIdOf } from '../../src/telemetry/trace_context.ts';

// Valid and invalid ones are those of the W3C's own test suite (github.com/w3c/trace-context, test/test.py).
const traceId = '12345678901234567890123456789012';
const parentId = '1234567890123456';

describe('traceparent', () => {
  test('names the trace', () => {
    expect(traceIdOf(`00-${traceId}-${parentId}-01`)).toBe(traceId);
    expect(traceIdOf(` 00-${traceId}-${parentId}-00\t`)).toBe(traceId);
  });

  test('of a later version is read as far as it is known', () => {
    expect(traceIdOf(`cc-${traceId}-${parentId}-01`)).toBe(traceId);
    expect(traceIdOf(`cc-${traceId}-${parentId}-01-what-the-future-will-be-like`)).toBe(traceId);
  });

  test.each([
    ['missing', undefined],
    ['given twice', [`00-${traceId}-${parentId}-01`, `00-${traceId}-${parentId}-01`]],
    ['two in one', `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`],
    ['of version ff', `ff-${traceId}-${parentId}-01`],
    ['of version 00 with more behind it', `00-${traceId}-${parentId}-01-what-the-future-will-be-like`],
    ['of a later version with more that no hyphen parts', `cc-${traceId}-${parentId}-01.what`],
    ['with a version of one digit', `0-${traceId}-${parentId}-01`],
    ['with a version of three digits', `000-${traceId}-${parentId}-01`],
    ['with a trace id of zeros', `00-00000000000000000000000000000000-${parentId}-01`],
    ['with a short trace id', `00-${traceId.slice(1)}-${parentId}-01`],
    ['with a long trace id', `00-${traceId}1-${parentId}-01`],
    ['with another character in its trace id', `00-.${traceId.slice(1)}-${parentId}-01`],
    ['in upper case', `00-ABCDEF78901234567890123456789012-${parentId}-01`],
    ['with a parent id of zeros', `00-${traceId}-0000000000000000-01`],
    ['with a short parent id', `00-${traceId}-${parentId.slice(1)}-01`],
    ['with flags of one digit', `00-${traceId}-${parentId}-1`],
    ['with flags that are no digits', `00-${traceId}-${parentId}-.0`],
    ['empty', ''],
    ['of a mebibyte', `cc-${traceId}-${parentId}-01-${'x'.repeat(1 << 20)}`],
  ])('that is %s is no traceparent', (_, given) => {
    expect(traceIdOf(given)).toBeUndefined();
  });
});
