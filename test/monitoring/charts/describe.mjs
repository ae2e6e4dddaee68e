// Makes a chart's description, as a server does that draws nothing.
import { driftReportChart, renderChart } from '../../../src/monitoring/charts/index.ts';

driftReportChart({
  model_id: 'm',
  version: '1',
  reference_n: 1,
  current_n: 1,
  is_drift: false,
  features: [],
  histograms: new Map(),
});
if (renderChart === undefined) throw new Error('There is nothing that would draw.');
