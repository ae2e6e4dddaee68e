import { agoText, byId, element, number } from './elements.js';
import { modelCard } from './models.js';
import { showSummary } from './summary.js';

/** How often the server is asked, and how long an answer may take, milliseconds. */
const everyMs = 5000;
const patienceMs = 10_000;
const pageSize = 25;
const tokenKey = 'modelyard-token';

const [overview, ask, connection] = ['overview', 'ask', 'connection'].map(byId);

/** Which page of the models is shown: the last models of the pages before it. */
const shown = { before: [], next: null };
let lastNewsAt;
/** The texts that were shown last: what did not change is left alone. */
const shownTexts = new Map();

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
