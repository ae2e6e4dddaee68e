import { ago, drawing, element, milliseconds, number, percent, pill, short } from './elements.js';

/** Calls over the last hour as bars. */
function spark(calls) {
  const most = Math.max(1, ...calls);
  const total = calls.reduce((sum, count) => sum + count, 0);
  return drawing(
    'svg',
    {
      class: 'spark',
      viewBox: '0 0 120 32',
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': `${number(total)} calls in the last hour`,
    },
    drawing('line', { x1: 0, y1: 31.5, x2: 120, y2: 31.5 }),
    ...calls.flatMap((count, index) => {
      if (count === 0) return [];
      const height = Math.max(1.5, (count / most) * 30);
      const width = 120 / calls.length;
      return drawing('rect', { x: index * width, y: 31 - height, width: width - 0.8, height });
    }),
  );
}

function share(weight) {
  return drawing(
    'svg',
    { class: 'share', viewBox: '0 0 48 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    drawing('rect', { class: 'all', width: 48, height: 6, rx: 3 }),
    drawing('rect', { class: 'own', width: 48 * weight, height: 6, rx: 3 }),
  );
}

function driftCell({ drift }) {
  if (drift === null) return [element('span', { className: 'muted', text: 'not measured' })];
  const drifted = drift.columns.filter((column) => column.is_drift);
  const names = drifted.slice(0, 3).map(({ name, score }) => `${name} ${short(score)}`);
  return [
    element('span', {
      className: `pill ${drifted.length > 0 ? 'warn' : 'good'}`,
      text:
        drift.drifted > 0
          ? `${drift.drifted} of ${drift.checked} drifted`
          : drifted.length > 0
            ? 'predictions drifted'
            : 'stable',
    }),
    ...(names.length > 0 ? [element('small', { text: names.join(', ') })] : []),
    element('small', {}, ago(drift.at)),
  ];
}

function performanceCell({ performance }) {
  if (performance === null) return [element('span', { className: 'muted', text: 'no outcomes' })];
  const lines = (metrics, isEstimate) =>
    Object.entries(metrics)
      .slice(0, 2)
      .map(([name, { value, low, high }]) =>
        element('div', {
          text: `${name.replaceAll('_', ' ')} ${isEstimate ? '≈ ' : ''}${short(value)}${low === null || high === null ? '' : ` (${short(low)} – ${short(high)})`}`,
        }),
      );
  const { metrics, estimate, outcomes } = performance;
  return [
    ...lines(metrics, false),
    ...(estimate === null ? [] : lines(estimate.metrics, true)),
    element('small', {
      text: estimate === null || outcomes > 0 ? `${number(outcomes)} outcomes` : 'estimated, no outcomes yet',
    }),
  ];
}

function versionRow(version) {
  const { recent, circuit_breaker: breaker } = version;
  const cell = (label, ...content) => element('td', { 'data-label': label }, element('div', {}, ...content));
  return element(
    'tr',
    {},
    cell('version', element('strong', { text: version.version }), element('small', { text: version.stage })),
    cell(
      'traffic',
      share(version.weight),
      percent(version.weight),
      version.shadow ? element('small', { text: 'shadow' }) : undefined,
    ),
    cell(
      'health',
      pill(version.status, version.detail),
      breaker.state === 'closed'
        ? undefined
        : element('small', {}, 'breaker ', pill(breaker.state, breaker.reason)),
      version.status === 'healthy' || version.status === 'unknown'
        ? undefined
        : element('small', { text: version.detail }),
    ),
    cell(
      'last hour',
      `${number(recent.calls)} calls`,
      element('small', {
        text:
          recent.calls === 0
            ? `${number(version.calls)} in all`
            : `${percent(recent.errors / recent.calls)} failed`,
      }),
    ),
    cell(
      'latency',
      milliseconds(recent.latency_ms.p50),
      element('small', { text: `p95 ${milliseconds(recent.latency_ms.p95)}` }),
    ),
    cell('drift', ...driftCell(version)),
    cell('performance', ...performanceCell(version)),
  );
}

export function modelCard(model) {
  const tags = Object.entries(model.tags).map(([name, value]) =>
    element('span', { className: 'tag', text: value === '' ? name : `${name}: ${value}` }),
  );
  const versions = `${number(model.versions)} version${model.versions === 1 ? '' : 's'}`;
  const more = model.served_total - model.served.length;
  return element(
    'article',
    { className: 'model card' },
    element(
      'div',
      { className: 'head' },
      element(
        'div',
        { className: 'what' },
        element('h3', { text: model.model_id }),
        model.description === null
          ? undefined
          : element('p', { className: 'muted description', text: model.description }),
        element(
          'p',
          {},
          element('small', { text: `${versions}${model.served_total === 0 ? ', none in service' : ''} ` }),
          ...tags,
        ),
      ),
      ...(model.calls.length > 0 ? [spark(model.calls)] : []),
    ),
    ...(model.served.length === 0
      ? []
      : [
          element(
            'table',
            {},
            element(
              'thead',
              {},
              element(
                'tr',
                {},
                ...['version', 'traffic', 'health', 'last hour', 'latency', 'drift', 'performance'].map(
                  (text) => element('th', { scope: 'col', text }),
                ),
              ),
            ),
            element('tbody', {}, ...model.served.map(versionRow)),
          ),
        ]),
    more > 0 ? element('p', { className: 'muted', text: `and ${more} more in service` }) : undefined,
  );
}
