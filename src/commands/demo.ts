import { parseCommand } from './command_line.ts';

const usage = `Usage: modelyard demo

Runs the NBA example from file to watched production, in about a minute: a real MCP client starts the server on a
temporary directory, deploys a model, asks it, promotes and replaces it, records outcomes and looks for drift. Every step checks
what it got. Nothing is left behind, and no store of yours is touched.

Exit code 0: every step did what it should; 1: one did not, and it says which.
`;

export const demoCommand = { usage, run: runDemoCommand };

async function runDemoCommand(given: string[]): Promise<number> {
  parseCommand('demo', given, {});
  const { runDemo } = await import('../../examples/nba/demo.ts');
  return runDemo();
}
