export { type Acknowledgement, acknowledgeAlert } from './acknowledge_alert.ts';
export { alertSeverities, alertStates } from './alert.ts';
export { readAlertHealth } from './alert_health.ts';
export type { AlertMessage } from './alert_message.ts';
export { readFound, tellOfChange } from './alert_store.ts';
export { type Alert, type AlertQuery, alertCursor, listAlerts } from './list_alerts.ts';
export { openAlerts } from './open_alerts.ts';
export type { PerformanceEvidence, PerformanceReader } from './rules/performance_drop.ts';
