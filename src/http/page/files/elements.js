/** What the page is made of: elements, and numbers and times as text. */

export const byId = (id) => document.getElementById(id);

/** An element with text and children; whatever is stored becomes text, never markup. */
export function element(name, { className, text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (className !== undefined) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export function drawing(name, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

export const number = (value) => new Intl.NumberFormat('en').format(value);
export const short = (value) => (value === null ? '–' : String(Number(value.toPrecision(3))));
export const percent = (share) => `${short(share * 100)} %`;
export const milliseconds = (value) => (value === null ? '–' : `${short(value)} ms`);

export function agoText(text) {
  const seconds = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} d ago`;
}

export function ago(text) {
  const title = new Date(text).toLocaleString();
  return element('time', { className: 'muted', datetime: text, title, text: agoText(text) });
}

const tones = {
  ...{ healthy: 'good', closed: 'good', succeeded: 'good', running: 'good', done: 'good' },
  ...{ degraded: 'warn', warning: 'warn', half_open: 'warn', paused: 'warn', held: 'warn' },
  ...{ unhealthy: 'bad', critical: 'bad', open: 'bad', rolled_back: 'bad' },
};

export function pill(text, title) {
  const made = element('span', { className: `pill ${tones[text] ?? ''}`, text: text.replaceAll('_', ' ') });
  if (title) made.title = title;
  return made;
}
