import { hostname, userInfo } from 'node:os';

/** Who sits at the command line, as the system knows them: `modelyard approve, ada@mill`. */
export function userAtHost(command: string): string {
  try {
    return `modelyard ${command}, ${userInfo().username}@${hostname()}`;
  } catch {
    // A system without an entry for the user, as in some containers.
    return `modelyard ${command}, ${hostname()}`;
  }
}
