/**
 * Holds a server.json against the schema that the MCP registry publishes: `node check_server_file.mjs FILE` prints what it does
 * not take and ends with 1.
 */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';

const schema = new URL('../fixtures/server_file/server.schema.json', import.meta.url);
const read = (file) => JSON.parse(readFileSync(file, 'utf8'));

// Strict mode wants a type beside each keyword, which the published schema does not have.
const ajv = new Ajv({ allErrors: true, strict: false });
formats.default(ajv);
const validate = ajv.compile(read(schema));
if (!validate(read(process.argv[2]))) {
  for (const { instancePath, message } of validate.errors)
    process.stdout.write(`${instancePath || '/'} ${message}\n`);
  process.exitCode = 1;
}
