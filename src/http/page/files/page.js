/** How often the server is asked, and how long an answer may take, milliseconds. */
const everyMs = 5000;
const patienceMs = 10_000;
const pageSize = 25;
const tokenKey = 'modelyard-token';

const byId = (id) => document.getElementById(id);
const [overview, ask, connection] = ['overview', 'ask', 'connection'].map(byId);

/** Which page of the models is shown: the last models of the pages before it. */
const shown = { before: [], next: null };
let lastNewsAt;
/** The texts that were shown last: what did not change is left alone. */
const shownTexts = new Map();

/** An element with text and children; whatever is stored becomes text, never markup. */
function element(name, { className, text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (className !== undefined) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

function drawing(name, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

const number = (value) => new Intl.NumberFormat('en').format(value);
const short = (value) => (value === null ? '–' : String(Number(value.toPrecision(3))));
const percent = (share) => `${short(share * 100)} %`;
const milliseconds = (value) => (value === null ? '–' : `${short(value)} ms`);

function agoText(text) {
  const seconds = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} d ago`;
}

function ago(text) {
  const title = new Date(text).toLocaleString();
  return element('time', { className: 'muted', datetime: text, title, text: agoText(text) });
}

const tones = {
  ...{ healthy: 'good', closed: 'good', succeeded: 'good', running: 'good', done: 'good' },
  ...{ degraded: 'warn', warning: 'warn', half_open: 'warn', paused: 'warn', held: 'warn' },
  ...{ unhealthy: 'bad', critical: 'bad', open: 'bad', rolled_back: 'bad' },
};

function pill(text, title) {
  const made = element('span', { className: `pill ${tones[text] ?? ''}`, text: text.replaceAll('_', ' ') });
  if (title) made.title = title;
  return made;
}

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

function modelCard(model) {
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

function showSummary(summary) {
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

function showModels(page) {
  const first = shown.before.length * pageSize + 1;
  const last = first + page.models.length - 1;
  byId('model-list').replaceChildren(
    ...(page.models.length === 0
      ? [
          element('p', {
            className: 'card empty',
            text:
              byId('name').value === '' ? 'No model is in service yet.' : 'No model has that in its name.',
          }),
        ]
      : page.models.map(modelCard)),
  );
  byId('place').textContent =
    page.total === 0 ? '' : `${number(first)} – ${number(last)} of ${number(page.total)}`;
  shown.next = page.next;
  byId('previous').disabled = shown.before.length === 0;
  byId('next').disabled = page.next === null;
}

class Refused extends Error {}

async function read(address) {
  const token = sessionStorage.getItem(tokenKey);
  const response = await fetch(address, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(patienceMs),
    cache: 'no-store',
  });
  const text = await response.text();
  if (response.status === 401 || response.status === 403) throw new Refused(messageOf(text));
  if (!response.ok) throw new Error(messageOf(text));
  return text;
}

function messageOf(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return 'the server answered what this page does not understand';
  }
}

function showIfNew(name, text, show) {
  if (shownTexts.get(name) === text) return;
  shownTexts.set(name, text);
  show(JSON.parse(text));
}

function modelsAddress() {
  const asked = new URLSearchParams({
    limit: String(pageSize),
    in_service: String(byId('in-service').checked),
  });
  const name = byId('name').value.trim();
  const after = shown.before.at(-1);
  if (name !== '') asked.set('name', name);
  if (after !== undefined) asked.set('after', after);
  return `v1/overview/models?${asked}`;
}

let asking = 0;
let timer;

async function refresh() {
  clearTimeout(timer);
  const own = ++asking;
  try {
    const [summary, models] = await Promise.all([read('v1/overview'), read(modelsAddress())]);
    // Somebody asked for another page meanwhile.
    if (own !== asking) return;
    ask.hidden = true;
    overview.hidden = false;
    overview.classList.remove('stale');
    byId('forget').hidden = sessionStorage.getItem(tokenKey) === null;
    showIfNew('summary', summary, showSummary);
    showIfNew('models', models, showModels);
    for (const time of document.querySelectorAll('time')) time.textContent = agoText(time.dateTime);
    lastNewsAt = new Date();
    tell('live', 'Live,', lastNewsAt);
  } catch (error) {
    if (own !== asking) return;
    if (error instanceof Refused) return askForToken(error.message);
    overview.classList.add('stale');
    tell('lost', 'Lost the server, trying again.', lastNewsAt);
  }
  if (!document.hidden) timer = setTimeout(refresh, everyMs);
}

/** @param at of when what is shown is; apart from the words, which are read aloud whenever they change */
function tell(state, words, at) {
  connection.className = state;
  if (byId('news').textContent !== words) byId('news').textContent = words;
  byId('as-of').textContent = at === undefined ? '' : `as of ${at.toLocaleTimeString()}`;
}

function askForToken(why) {
  const hadToken = sessionStorage.getItem(tokenKey) !== null;
  sessionStorage.removeItem(tokenKey);
  shownTexts.clear();
  byId('why').textContent = hadToken ? why : 'This server wants to know who looks.';
  overview.hidden = true;
  byId('forget').hidden = true;
  ask.hidden = false;
  byId('token').focus();
  tell('', 'Waiting for a token');
}

ask.addEventListener('submit', (event) => {
  event.preventDefault();
  const field = byId('token');
  sessionStorage.setItem(tokenKey, field.value.trim());
  field.value = '';
  void refresh();
});
byId('forget').addEventListener('click', () => {
  sessionStorage.removeItem(tokenKey);
  askForToken('');
});
byId('next').addEventListener('click', () => {
  if (shown.next === null) return;
  shown.before.push(shown.next);
  void refresh();
});
byId('previous').addEventListener('click', () => {
  shown.before.pop();
  void refresh();
});
function fromTheStart() {
  shown.before = [];
  void refresh();
}
let typing;
byId('name').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(fromTheStart, 250);
});
byId('in-service').addEventListener('change', fromTheStart);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh();
});
window.addEventListener('online', () => void refresh());

void refresh();
