import { describe, expect, test } from 'vitest';
import { missingNativePart, unsupportedPlatform } from '../src/native_parts.ts';

describe('a platform', () => {
  test.each([
    ['linux', 'x64'],
    ['linux', 'arm64'],
    ['darwin', 'arm64'],
    ['win32', 'x64'],
  ])('%s %s is supported', (platform, arch) => {
    expect(unsupportedPlatform({ platform, arch })).toBeUndefined();
  });

  test.each([
    ['darwin', 'x64', 'no build of ONNX Runtime for Intel Macs'],
    ['win32', 'arm64', 'no build of libsql for Windows on ARM'],
    ['freebsd', 'x64', 'no build of its native parts'],
  ])('%s %s is told in one sentence that it is not', (platform, arch, because) => {
    const sentence = unsupportedPlatform({ platform, arch });
    expect(sentence).toContain(`does not run on ${platform}-${arch}, since there is ${because}`);
    expect(sentence).toMatch(/^[^.]+\.$/);
  });
});

test('nothing is missing where the tests run', () => {
  for (const part of ['libsql', 'onnxruntime', 'resvg'] as const)
    expect(missingNativePart(part)).toBeUndefined();
});
