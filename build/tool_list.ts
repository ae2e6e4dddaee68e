import { describeTools } from '../src/describe_tools.ts';
import { catalogue } from '../tools/index.ts';

/** What the build writes for the server to read: making it at every start would take longer than all else until tools/list. */
export const toolList = describeTools(catalogue);
