export const healthStatuses = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

export interface HealthCheck {
  name: string;
  status: HealthStatus;
  detail: string;
}
