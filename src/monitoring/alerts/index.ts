export { type Acknowledgement, acknowledgeAlert } from './acknowledge_alert.ts';
export type { AlertMessage } from './alert_message.ts';
export { createAlertWatch, startAlertWatch } from './alert_watch.ts';
export { createEvidenceGatherer } from './evidence_gatherer.ts';
export { type AlertQuery, listAlerts } from './list_alerts.ts';
