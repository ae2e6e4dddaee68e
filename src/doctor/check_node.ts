import { type Check, ok, problem } from './check.ts';

/** The oldest Node that ModelYard runs on, as in package.json. */
const oldest = { major: 20, minor: 19 };

/**
 * Whether this Node is new enough.
 * @param version such as `20.19.4`
 * @param program its path
 */
export function checkNode(version: string, program: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > oldest.major || (major === oldest.major && minor >= oldest.minor);
  if (isNewEnough) return ok('node', `Node ${version} (${program})`);
  return problem(
    'node',
    `Node ${version} (${program}) is older than ${oldest.major}.${oldest.minor}, the oldest that ModelYard runs on`,
    `Install Node ${oldest.major}.${oldest.minor} or later, and name it in the client's configuration (modelyard install does).`,
  );
}
