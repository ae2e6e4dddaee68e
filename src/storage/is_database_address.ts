/** Whether pg can read an address, and reads no part of the password as something else. */
export function isDatabaseAddress(text: string): boolean {
  // As pg reads it: what is no escape stands for itself.
  const isEscapedThroughout = !/ |%[^a-f0-9]|%[a-f0-9][^a-f0-9]/i.test(text);
  const escaped = isEscapedThroughout ? text : encodeURI(text).replace(/%25(\d\d)/g, '%$1');
  // The host may be left out, or stand among the parameters (a socket's folder).
  const address = escaped.replace('@/', '@localhost/').replace(/^(\w+:\/\/)(?=\/)/, '$1localhost');
  if (!URL.canParse(address)) return false;
  const { username, password, hostname, pathname } = new URL(address);
  return hostname !== '' && !pathname.includes('@') && [username, password, pathname].every(isEscaped);
}

function isEscaped(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}
