import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * The rules of who may import whom, by file: `room` is a folder of src or of src/monitoring, or a file that stands loose
 * beside them. The reasons are in docs/ARCHITECTURE.md.
 */
interface Import {
  from: string;
  /** A file of ours, or a package's name. */
  to: string;
}

/**
 * What others may import of a room that has an index.ts, besides it: a thread's own side must not load the side that
 * starts threads.
 */
const doors: Record<string, readonly string[]> = {
  'src/threads': ['serve_tasks.ts', 'with_database.ts'],
  tools: ['define_tool.ts'],
};

/** What cannot be mended yet, by the beginnings of the two names, each with its reason. Take away, never add. */
const exceptions: readonly (Import & { reason: string })[] = [];

const root = fileURLToPath(new URL('..', import.meta.url));
const files = new Map(
  ['src', 'tools']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(folder, path.replaceAll('\\', '/')),
      ),
    )
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);
const imports = importsOf(files);

/** Static and dynamic imports, types too, and the threads that a file starts. */
function importsOf(sources: ReadonlyMap<string, string>): Import[] {
  const pattern = /^(?:import|export)\b[^;'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...sources].flatMap(([from, text]) =>
    [...text.matchAll(pattern)].map(([, named, bare, dynamic]) => {
      const given = named ?? bare ?? dynamic ?? '';
      return { from, to: given.startsWith('.') ? normalize(join(dirname(from), given)) : given };
    }),
  );
}

function roomOf(file: string): string {
  const parts = file.split('/');
  if (parts[0] !== 'src') return parts[0] ?? file;
  const depth = parts[1] === 'monitoring' ? 3 : 2;
  return parts.slice(0, depth).join('/');
}

/** A cycle in a graph, as the nodes that it goes through; undefined where there is none. */
function cycleOf(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const found = visit(next, [...way, node]);
      if (found !== undefined) return found;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const found = visit(node, []);
    if (found !== undefined) return found;
  }
  return undefined;
}

function graphOf(among: readonly Import[], nodeOf: (file: string) => string) {
  const edges = new Map<string, Set<string>>();
  for (const { from, to } of among) {
    const [start, end] = [nodeOf(from), nodeOf(to)];
    if (start === end) continue;
    const known = edges.get(start) ?? new Set();
    edges.set(start, known.add(end));
  }
  return edges;
}

/** What breaks a rule, one sentence each that names the import and the rule. */
function problemsOf(all: readonly Import[], known: ReadonlySet<string>): string[] {
  const ours = all.filter(({ to }) => known.has(to));
  const between = ours.filter(({ from, to }) => roomOf(from) !== roomOf(to));
  const broken = (rule: string, found: readonly Import[]) =>
    found.map(({ from, to }) => `${from} imports ${to}: ${rule}`);
  const inRoom = (room: string) => (file: string) => roomOf(file) === room;
  const lowered = new Set(['src/errors.ts', 'src/json_shape.ts', 'src/plain_object.ts', 'src/files']);
  const cycle = (rule: string, found: string[] | undefined) =>
    found === undefined ? [] : [`${found.join(' imports ')}: ${rule}`];
  const fileCycle = cycleOf(graphOf(ours, (file) => file));
  const roomCycle = cycleOf(graphOf(between, roomOf));
  return [
    ...cycle('files must not import each other in a circle', fileCycle),
    ...cycle(
      `rooms must not import each other in a circle (${between
        .filter(({ from, to }) =>
          roomCycle?.some((room, at) => room === roomOf(from) && roomCycle[at + 1] === roomOf(to)),
        )
        .slice(0, 8)
        .map(({ from, to }) => `${from} imports ${to}`)
        .join('; ')})`,
      roomCycle,
    ),
    ...broken(
      'src/statistics imports nothing of ours',
      between.filter(({ from }) => inRoom('src/statistics')(from)),
    ),
    ...broken(
      'src/tables imports nothing of ours but errors, the shape of JSON and files',
      between.filter(({ from, to }) => inRoom('src/tables')(from) && !lowered.has(roomOf(to))),
    ),
    ...broken(
      'a room that has an index.ts is imported by it, not by what it keeps inside',
      between.filter(
        ({ to }) =>
          known.has(`${roomOf(to)}/index.ts`) &&
          to !== `${roomOf(to)}/index.ts` &&
          !(doors[roomOf(to)] ?? []).some((door) => to === `${roomOf(to)}/${door}`),
      ),
    ),
    ...broken(
      'a tool calls a service: no database, no runtime, no statistics of its own',
      all.filter(
        ({ from, to }) =>
          from.startsWith('tools/') &&
          (['kysely', 'libsql', 'pg', 'onnxruntime-node'].includes(to) ||
            ['src/storage', 'src/statistics', 'src/threads', 'src/serving/engine'].some((room) =>
              to.startsWith(`${room}/`),
            )),
      ),
    ),
  ];
}

test('the rules of imports hold', () => {
  const known = new Set(files.keys());
  const isExcepted = (found: Import, exception: Import) =>
    found.from.startsWith(exception.from) && found.to.startsWith(exception.to);
  const stale = exceptions.filter((exception) => !imports.some((found) => isExcepted(found, exception)));
  expect(stale, 'exceptions that nothing needs any more').toEqual([]);
  expect(
    problemsOf(
      imports.filter((found) => !exceptions.some((exception) => isExcepted(found, exception))),
      known,
    ),
  ).toEqual([]);
});

/**
 * Which room of src/monitoring imports which: 19 arrows between eleven rooms. One more is a decision: first see whether
 * what is shared belongs to a room below both, such as `rows`, src/prediction_log or src/statistics.
 */
const monitoring: Record<string, readonly string[]> = {
  'monitoring.ts': [
    'alerts',
    'drift',
    'health',
    'latest',
    'live_performance',
    'outcomes',
    'reference',
    'rows',
  ],
  alerts: ['drift'],
  charts: [],
  drift: ['charts', 'reference', 'rows'],
  health: ['alerts'],
  latest: [],
  live_performance: ['alerts', 'charts', 'performance', 'reference', 'rows'],
  outcomes: [],
  performance: [],
  reference: ['rows'],
  rows: [],
};

test('the rooms of monitoring import each other as listed; beside its folders only monitoring.ts stands', () => {
  const base = 'src/monitoring/';
  const rooms = new Set([...files.keys()].filter((file) => file.startsWith(base)).map(roomOf));
  const arrows = graphOf(
    imports.filter(({ from, to }) => files.has(to) && from.startsWith(base) && to.startsWith(base)),
    roomOf,
  );
  const found = [...rooms].map((room) => {
    const imported = [...(arrows.get(room) ?? [])].map((other) => other.slice(base.length));
    return [room.slice(base.length), imported.toSorted()];
  });
  expect(Object.fromEntries(found)).toEqual(monitoring);
});

test('every import of a file of ours is understood', () => {
  const missing = imports.filter(
    ({ from, to }) => /\.[jt]s$/.test(to) && /^(src|tools)\//.test(to) && !files.has(to) && from !== to,
  );
  expect(missing).toEqual([]);
  expect(imports.length).toBeGreaterThan(files.size);
});

describe('each rule names what breaks it', () => {
  const known = new Set([
    'src/errors.ts',
    'src/a/one.ts',
    'src/a/two.ts',
    'src/b/index.ts',
    'src/b/inside.ts',
    'src/statistics/mean.ts',
    'src/tables/csv.ts',
    'src/storage/database.ts',
    'tools/predict.ts',
  ]);
  test.each<[string, Import[], string]>([
    [
      'a circle of files',
      [
        { from: 'src/a/one.ts', to: 'src/a/two.ts' },
        { from: 'src/a/two.ts', to: 'src/a/one.ts' },
      ],
      'src/a/one.ts imports src/a/two.ts imports src/a/one.ts: files',
    ],
    [
      'a circle of rooms',
      [
        { from: 'src/a/one.ts', to: 'src/b/index.ts' },
        { from: 'src/b/inside.ts', to: 'src/a/two.ts' },
      ],
      'src/a imports src/b imports src/a: rooms',
    ],
    [
      'statistics',
      [{ from: 'src/statistics/mean.ts', to: 'src/errors.ts' }],
      'src/statistics/mean.ts imports src/errors.ts: src/statistics imports nothing of ours',
    ],
    [
      'tables',
      [{ from: 'src/tables/csv.ts', to: 'src/a/one.ts' }],
      'src/tables/csv.ts imports src/a/one.ts: src/tables',
    ],
    [
      'an inside',
      [{ from: 'src/a/one.ts', to: 'src/b/inside.ts' }],
      'src/a/one.ts imports src/b/inside.ts: a room',
    ],
    ['a tool', [{ from: 'tools/predict.ts', to: 'kysely' }], 'tools/predict.ts imports kysely: a tool'],
  ])('%s', (_, broken, sentence) => {
    expect(problemsOf(broken, known)).toEqual([expect.stringContaining(sentence)]);
  });

  test('what obeys breaks none', () => {
    expect(
      problemsOf(
        [
          { from: 'src/a/one.ts', to: 'src/b/index.ts' },
          { from: 'src/tables/csv.ts', to: 'src/errors.ts' },
          { from: 'tools/predict.ts', to: 'zod' },
        ],
        known,
      ),
    ).toEqual([]);
  });
});
