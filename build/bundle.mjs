import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { sourcesIn } from './inputs.mjs';
import { ownNativeParts } from './native_code.mjs';
import { noticesOf } from './notices.mjs';

/** What packages look for in vain. */
const external = ['pg-native', 'canvas'];

/** The charts' fonts, from the package dejavu-fonts-ttf, which has licence and authors beside them. */
const fonts = ['ttf/DejaVuSans.ttf', 'ttf/DejaVuSans-Bold.ttf'].map(
  (file) => `node_modules/dejavu-fonts-ttf/${file}`,
);

/**
 * Parts of packages that nothing here uses and that would be loaded all the same, with what stands in their place: a server's
 * own compiler of JSON schemas (it is given a validator, src/server.ts), and messages of zod in fifty languages.
 */
const leftOut = [
  {
    from: /@modelcontextprotocol.sdk.dist.esm.server.index\.js$/,
    path: /\/ajv-provider\.js$/,
    contents: 'export class AjvJsonSchemaValidator {}',
  },
  {
    from: /node_modules.zod.v4.(core.index|classic.external|mini.external)\.js$/,
    path: /^\.\.\/locales\/index\.js$/,
    contents: '',
  },
];

/** The published definitions of gRPC's messages, which are read when it is served. */
const protocolFiles = ['open_inference_grpc', 'model_repository', 'engine_repository', 'health'].map(
  (file) => `src/open_inference/protobuf/${file}.proto`,
);

/** The page for people, which is served as it is. */
const pageFiles = 'src/http/page/files';

const leavingOut = {
  name: 'leaving out',
  setup(making) {
    for (const [index, { from, path }] of leftOut.entries())
      making.onResolve({ filter: path }, ({ importer }) =>
        from.test(importer) ? { path: String(index), namespace: 'left-out', sideEffects: false } : undefined,
      );
    making.onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
      contents: leftOut[Number(path)].contents,
    }));
  },
};

const options = {
  bundle: true,
  // Each program is one file, and what it loads late others.
  splitting: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  external,
  // Its other form, which Node takes, loads its parts in a way that cannot be bundled.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  sourcemap: true,
  sourcesContent: false,
  minifyWhitespace: true,
  minifySyntax: true,
  // Node shows the line of an error that nobody catches, whole.
  lineLimit: 120,
  legalComments: 'none',
  metafile: true,
  plugins: [leavingOut, ownNativeParts],
  logLevel: 'warning',
  // Packages of the old module system call for Node's own modules by require.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
};

/**
 * Compiles everything that is run into a folder.
 *
 * @returns the programs that are started by their path: the source, and the compiled file in the folder
 */
export async function bundle(root, folder) {
  const sources = sourcesIn(root);
  const inRoot = { ...options, absWorkingDir: root, outdir: folder };
  // Those that somebody waits for are bundled alone, in few files: what two of them share is in both.
  const awaited = ['src/main.ts', 'src/serving/engine/host.ts', 'src/serving/engine/host_lifeline.ts'];
  const inThreads = namedByBuiltFile(root, sources).filter((source) => !awaited.includes(source));
  const together = [...awaited.map((source) => [source]), inThreads];
  const bare = 'bench/floor_server.ts';
  const development = sources.filter(
    (path) => /^(bench\/.*\.ts|examples\/nba\/build_features\.ts|test\/.*\.mjs)$/.test(path) && path !== bare,
  );
  const shipped = await Promise.all([
    build({
      ...inRoot,
      entryPoints: ['build/tool_list.ts'],
      entryNames: '[name]',
      splitting: false,
      sourcemap: false,
    }),
    ...together.map((entryPoints) => build({ ...inRoot, entryPoints, entryNames: '[name]' })),
  ]);
  await Promise.all([
    build({ ...inRoot, entryPoints: development, outbase: root, chunkNames: 'development/[name]-[hash]' }),
    build({
      ...inRoot,
      entryPoints: [bare],
      outbase: root,
      bundle: false,
      splitting: false,
      external: [],
      alias: {},
      plugins: [],
    }),
  ]);
  const toolListFile = join(folder, 'tool_list.js');
  const { toolList } = await import(pathToFileURL(toolListFile).href);
  writeFileSync(join(folder, 'tools.json'), JSON.stringify(toolList));
  rmSync(toolListFile);
  mkdirSync(join(folder, 'fonts'));
  for (const font of fonts) copyFileSync(join(root, font), join(folder, 'fonts', basename(font)));
  cpSync(join(root, pageFiles), join(folder, 'page'), { recursive: true });
  mkdirSync(join(folder, 'protobuf'));
  for (const file of protocolFiles) copyFileSync(join(root, file), join(folder, 'protobuf', basename(file)));
  const files = shipped.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  writeFileSync(join(folder, 'LICENSES.txt'), noticesOf(root, [...files, ...fonts]));
  return [
    { source: 'src/main.ts', file: 'main.js' },
    ...[bare, ...development]
      .filter((source) => source.endsWith('.ts'))
      .map((source) => ({ source, file: source.replace(/\.ts$/, '.js') })),
  ];
}

/** The sources of what the server finds in the build by `builtFile('NAME.js')`, wherever in `src` they are. */
function namedByBuiltFile(root, sources) {
  const inSrc = sources.filter((path) => path.startsWith('src/'));
  const names = inSrc.flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/\bbuiltFile\(\s*'(\w+)\.js'/g)].map(
      ([, name]) => name,
    ),
  );
  return [...new Set(names)].map((name) => {
    const found = inSrc.filter((path) => path.endsWith(`/${name}.ts`));
    if (found.length !== 1)
      throw new Error(
        `${found.length} files of src are called ${name}.ts: builtFile('${name}.js') needs one.`,
      );
    return found[0];
  });
}
