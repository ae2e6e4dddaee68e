import { abTesting } from './ab_testing.ts';
import { basicServing } from './basic_serving.ts';
import { type Connect, inTemporaryStore } from './client.ts';
import { driftDetection } from './drift_detection.ts';
import { productionDeployment } from './production_deployment.ts';
import { say } from './say.ts';

/** Each is a file of its name beside this one, and what it prints one that ends in .txt. */
const examples: Record<string, (connect: Connect) => Promise<void>> = {
  basic_serving: basicServing,
  ab_testing: abTesting,
  drift_detection: driftDetection,
  production_deployment: productionDeployment,
};

export const exampleNames = Object.keys(examples);

/**
 * Runs an example with servers of its own on a temporary directory.
 * @returns the exit code; undefined where there is no example of that name
 */
export async function runExample(name: string): Promise<number | undefined> {
  const run = Object.hasOwn(examples, name) ? examples[name] : undefined;
  if (run === undefined) return undefined;
  try {
    await inTemporaryStore(run);
    return 0;
  } catch (error) {
    say(`\nThe example failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
