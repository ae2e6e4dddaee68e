import { withoutTools } from './access/known_tools.ts';
import { type Caller, may, type Permission } from './access/roles.ts';
import { notOffered, type Toolset } from './toolsets.ts';

const workflow: readonly (readonly [Permission, step: string])[] = [
  ['WRITE', 'deploy_model (registers the .onnx file, loads and warms it, moves the traffic)'],
  ['PREDICT', 'predict (records of features; every answer is logged)'],
  ['WRITE', 'promote_model (development → staging → production)'],
  ['WRITE', 'set_reference_data (training rows)'],
  ['READ', 'detect_drift'],
  ['READ', 'health_check'],
];

/** What a client's model is told of the server at the start, of tools that the caller may call only, and that are offered. */
export function instructionsFor(caller: Caller, offered?: readonly Toolset[]): string {
  const lacking = notOffered(offered);
  const open = (lines: typeof workflow) =>
    lines.flatMap(([permission, line]) => {
      const told = may(caller, permission) ? withoutTools(line, lacking) : '';
      return told === '' ? [] : [told];
    });
  return open([
    ['READ', 'ModelYard deploys, serves, promotes and watches ONNX models.'],
    ['READ', `Workflow: ${open(workflow).join(' → ')}.`],
    [
      'READ',
      'Look first: search_models lists what exists, get_model shows the features a model expects and which version is active.',
    ],
    [
      'WRITE',
      "A new version stands beside the active one with deploy_model set_active=false; reach it with predict's version.",
    ],
    [
      'READ',
      'Errors read "CODE: what happened. What to do next."; follow the second sentence. retryable says whether the same call may succeed later.',
    ],
    ['WRITE', 'promote_model dry_run=true previews; its answer says how to undo it.'],
    ['READ', 'File paths: absolute, ~/… or file://.'],
  ]).join('\n');
}
