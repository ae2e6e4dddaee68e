import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * How each package with a native part looks for it, and what it asks for in place of that: src/native_parts.ts, which knows
 * where the parts of a clone and of a package are and says in a sentence what is missing.
 */
const lookups = [
  {
    file: /onnxruntime-node[\\/]dist[\\/]binding\.js$/,
    lookup: /require\(`\.\.\/bin\/napi-v6\/\$\{process\.platform\}[^`]*`\)/,
    part: 'onnxruntime',
  },
  {
    file: /libsql[\\/](index|promise)\.js$/,
    lookup: /(?<=\n} = )requireNative\(\)(?=;)/,
    part: 'libsql',
    unused: [
      /const \{ load, currentTarget \} = require\("@neon-rs\/load"\);\n/,
      /const \{ familySync, GLIBC, MUSL \} = require\("detect-libc"\);\n/,
      /function requireNative\(\) \{\n[\s\S]*?\n\}\n/,
    ],
  },
  {
    file: /resvg-js[\\/]js-binding\.js$/,
    lookup: /^"use strict";const\{existsSync[\s\S]*if\(!nativeBinding\)throw [^;]*;(?=const\{BBox)/,
    part: 'resvg',
    before: 'const nativeBinding=',
  },
];

/** Puts our own way to native parts into the packages that are bundled. Fails where a package is not as it was. */
export const ownNativeParts = {
  name: 'own native parts',
  setup(making) {
    const from = join(making.initialOptions.absWorkingDir, 'src', 'native_parts.ts');
    for (const { file, lookup, part, unused = [], before = '' } of lookups)
      making.onLoad({ filter: file }, ({ path }) => {
        const load = `${before}require(${JSON.stringify(from)}).loadNativePart(${JSON.stringify(part)})${before === '' ? '' : ';'}`;
        const contents = [...unused.map((pattern) => [pattern, '']), [lookup, load]].reduce(
          (text, [pattern, by]) => {
            if (!pattern.test(text)) throw new Error(`${path} has no ${pattern}: see build/native_code.mjs.`);
            return text.replace(pattern, () => by);
          },
          readFileSync(path, 'utf8'),
        );
        return { contents, loader: 'js' };
      });
  },
};
