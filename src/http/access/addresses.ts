import { isIP } from 'node:net';

/** Whether only this machine reaches what listens there: `localhost`, 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const bare = unbracketed(host.toLowerCase());
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

/** What a Host header may name. */
export interface KnownHosts {
  /** Of --host and --allowed-host, without ports. */
  names: readonly string[];
}

/**
 * Whether a request is meant for this server. A page in a browser that had its own name led here (DNS rebinding) says that
 * name; an address cannot be led elsewhere, so any is good.
 *
 * @param host the Host header, as it came
 */
export function isKnownHost(host: string | undefined, { names }: KnownHosts): boolean {
  const name = hostnameOf(host);
  if (name === undefined) return false;
  return isLoopback(name) || isIP(unbracketed(name)) !== 0 || names.includes(name);
}

/** The name in a Host header, in small letters, without the port; undefined: it is none. */
export function hostnameOf(host: string | undefined): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec((host ?? '').toLowerCase()) ?? [];
  return name?.replace(/\.$/, '');
}

/**
 * Whether the page that a browser sends a request for is one of this server's own.
 *
 * @param origin the Origin header
 * @param host the Host header, known to be good
 */
export function isOwnOrigin(origin: string, host: string, scheme: 'http' | 'https'): boolean {
  if (!URL.canParse(origin)) return false;
  const own = `${scheme}://${host}`;
  return URL.canParse(own) && new URL(origin).origin === new URL(own).origin;
}

function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
