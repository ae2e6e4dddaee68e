import { readFileSync } from 'node:fs';

/**
 * Where a file of the build is: a program for a thread or process of its own, or what the build made for the server to
 * read. A server finds those of its own build, also when there is a newer one; what runs from the TypeScript sources (the
 * tests) takes the one that was built last.
 *
 * @param name relative to the build's folder
 */
export function builtFile(name: string): URL {
  return new URL(name, buildFolder());
}

function buildFolder(): string | URL {
  if (!import.meta.url.endsWith('.ts')) return import.meta.url.replace(/(?<=\/dist\/[^/]+\/)[^?]*$/, '');
  const dist = new URL('../dist/', import.meta.url);
  return new URL(`${readFileSync(new URL('current', dist), 'utf8').trim()}/`, dist);
}
