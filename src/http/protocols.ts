import { fileRoutes } from './files.ts';
import { healthRoutes } from './health.ts';
import type { Protocol } from './http_server.ts';
import { mcpRoutes } from './mcp/mcp.ts';
import { metricsRoutes } from './metrics/metrics_routes.ts';
import { mlflowScoringRoutes } from './mlflow_scoring.ts';
import { openApiRoutes } from './open_api/open_api_routes.ts';
import { openInferenceRoutes } from './open_inference/rest.ts';
import { pageRoutes } from './page/page_routes.ts';
import { recordRoutes } from './records.ts';

/** Everything that is served over HTTP, a protocol a line. */
export const protocols: readonly Protocol[] = [
  healthRoutes,
  recordRoutes,
  fileRoutes,
  mcpRoutes,
  metricsRoutes,
  openInferenceRoutes,
  mlflowScoringRoutes,
  openApiRoutes,
  pageRoutes,
];
