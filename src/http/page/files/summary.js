import { ago, byId, element, number, percent, pill, short } from './elements.js';

const empty = (text) => element('li', { className: 'empty', text });

function alertItem({ severity, state, model_id, version, summary, opened_at }) {
  return element(
    'li',
    {},
    element(
      'div',
      { className: 'line' },
      pill(severity),
      element('strong', { text: version === null ? model_id : `${model_id} ${version}` }),
      ago(opened_at),
    ),
    element('div', { text: summary }),
    state === 'acknowledged' ? element('small', { text: 'acknowledged' }) : undefined,
  );
}

function rolloutItem({ model_id, version, incumbent, state, step, steps, step_name, waiting }) {
  return element(
    'li',
    {},
    element('div', { className: 'line' }, pill(state), element('strong', { text: `${model_id} ${version}` })),
    element('div', { text: `step ${step + 1} of ${steps}: ${step_name}` }),
    element('small', { text: `${incumbent === null ? '' : `in place of ${incumbent}. `}${waiting}` }),
  );
}

function changeItem({ at, times, by, action, model_id, version, outcome }) {
  const subject = [model_id, version].filter((name) => name !== null).join(' ');
  return element(
    'li',
    {},
    element(
      'div',
      { className: 'line' },
      element('strong', { text: `${action.replaceAll('_', ' ')}${times > 1 ? ` × ${times}` : ''}` }),
      outcome === 'done' ? '' : pill(outcome),
      ago(at),
    ),
    element('small', { text: [subject, by].filter((text) => text !== '').join(', by ') }),
  );
}

function checkItem({ name, status, detail }) {
  return element(
    'li',
    {},
    element('div', { className: 'line' }, pill(status), element('strong', { text: name })),
    element('small', { text: detail }),
  );
}

function figure(title, value, detail, tone = '') {
  return element(
    'div',
    {},
    element('dt', { text: title }),
    element('dd', { text: value }),
    element('small', { className: tone, text: detail }),
  );
}

export function showSummary(summary) {
  const { totals, alerts, rollouts, changes, checks, server } = summary;
  byId('store').textContent = `${server.version}, ${server.store}`;
  const open = alerts.counts.critical + alerts.counts.warning + alerts.counts.info;
  byId('figures').replaceChildren(
    figure('Models in service', number(totals.models_in_service), `of ${number(totals.models)}`),
    figure('Versions in service', number(totals.versions_in_service), `of ${number(totals.versions)}`),
    figure(
      'Calls, last hour',
      number(totals.calls_last_hour),
      `${short(totals.calls_last_hour / 3600)} a second`,
    ),
    figure(
      'Failed',
      totals.calls_last_hour === 0 ? '–' : percent(totals.errors_last_hour / totals.calls_last_hour),
      `${number(totals.errors_last_hour)} calls`,
    ),
    figure('Open alerts', number(open), open === 0 ? 'all quiet' : `${alerts.counts.critical} critical`),
  );
  const list = (id, items, make, none) =>
    byId(id).replaceChildren(...(items.length === 0 ? [empty(none)] : items.map(make)));
  list('alerts', alerts.newest, alertItem, 'No open alert.');
  list('rollouts', rollouts.newest, rolloutItem, 'No rollout is under way.');
  list('changes', changes, changeItem, 'Nothing was changed yet.');
  list('checks', checks, checkItem, '');
}
