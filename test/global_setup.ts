import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { buildIfStale } from './built.ts';
import { offerMlflow } from './mlflow/shared_mlflow.ts';

/** Where a PostgreSQL server of this machine usually answers. */
const usualAddress = 'postgres://postgres@127.0.0.1:5432/postgres';

/**
 * Builds what is stale, makes the directory that the tests work in and looks for what some need besides Node; says in one line each what is
 * left out.
 * @returns what is to be done when all tests have ended
 */
export default async function setUp({ provide }: TestProject): Promise<() => Promise<void>> {
  buildIfStale();
  const [closeMlflow] = await Promise.all([
    findMlflow(),
    findPostgreSql(),
    findPython('an object store', 'MODELYARD_TEST_S3_PYTHON', 'moto'),
    findPython('Triton', 'MODELYARD_TEST_TRITON_PYTHON', 'pytriton'),
    findPython('MLServer', 'MODELYARD_TEST_MLSERVER_PYTHON', 'mlserver'),
  ]);
  if (process.env.MODELYARD_TEST_SCHEMATHESIS === undefined)
    process.stderr.write(
      'Skipped: the fuzz over HTTP, since MODELYARD_TEST_SCHEMATHESIS names no executable of schemathesis.\n',
    );
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'modelyard-test-')));
  provide('temporaryRoot', root);
  return async () => {
    await closeMlflow();
    rmSync(root, { recursive: true, force: true });
  };
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the directories of the tests are; it goes with the run. */
    temporaryRoot: string;
  }
}

/**
 * The tests against a real MLflow server take the Python that MODELYARD_TEST_MLFLOW_PYTHON names. Server and Python are
 * started by the first that asks, at the address that this puts into MODELYARD_TEST_MLFLOW_BROKER.
 */
async function findMlflow(): Promise<() => Promise<void>> {
  const python = process.env.MODELYARD_TEST_MLFLOW_PYTHON;
  if (python === undefined) {
    process.stderr.write(
      'Skipped: the tests with MLflow, since MODELYARD_TEST_MLFLOW_PYTHON names no Python that has it.\n',
    );
    return async () => undefined;
  }
  // What was asked for by name must not be passed over.
  await promisify(execFile)(python, ['-c', 'import importlib.util as u; assert u.find_spec("mlflow")']);
  const { address, close } = await offerMlflow(python);
  process.env.MODELYARD_TEST_MLFLOW_BROKER = address;
  return close;
}

/** Tests start servers of their own with the Python that a variable names. Says so where there is none. */
async function findPython(what: string, variable: string, module: string): Promise<void> {
  const python = process.env[variable];
  if (python === undefined) {
    process.stderr.write(
      `Skipped: the tests with ${what}, since ${variable} names no Python that has ${module}.\n`,
    );
    return;
  }
  // What was asked for by name must not be passed over.
  await promisify(execFile)(python, ['-c', `import importlib.util as u; assert u.find_spec("${module}")`]);
}

/**
 * The tests of the database run on PostgreSQL too where one answers: at MODELYARD_TEST_DATABASE_URL or at the
 * usual address, without a password. Says so where none does.
 */
async function findPostgreSql(): Promise<void> {
  const given = process.env.MODELYARD_TEST_DATABASE_URL;
  const address = given ?? usualAddress;
  const client = new pg.Client({ connectionString: address, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ rolcreatedb: boolean }>(
      'select rolcreatedb or rolsuper as rolcreatedb from pg_roles where rolname = current_user',
    );
    if (rows[0]?.rolcreatedb !== true) throw new Error('its user may not create databases');
    process.env.MODELYARD_TEST_DATABASE_URL = address;
  } catch (error) {
    // What was asked for by name must not be passed over.
    if (given !== undefined) throw error;
    process.stderr.write(
      'Skipped: the tests on PostgreSQL, since none answers (MODELYARD_TEST_DATABASE_URL names one).\n',
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
