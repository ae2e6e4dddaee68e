import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
  /** The certificate, which signs itself: what a client trusts. */
  cert: string;
}

/**
 * Makes a key and a certificate that signs itself, in files of a directory.
 * @param days from when until when it is valid, counted from today
 * @param host that it is of; by default of localhost and 127.0.0.1
 */
export function makeCertificate(
  directory: string,
  name: string,
  [from, until]: readonly [number, number] = [-1, 30],
  host?: string,
): CertificateFiles {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = pem(certificate(publicKey, privateKey, [dayFromNow(from), dayFromNow(until)], host));
  const [certFile, keyFile] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { certFile, keyFile, cert };
}

/** An X.509 certificate in DER (RFC 5280, section 4.1). */
function certificate(
  publicKey: KeyObject,
  privateKey: KeyObject,
  validity: readonly Date[],
  host: string | undefined,
): Buffer {
  const algorithm = sequence(identifier('2a8648ce3d040302')); // ecdsa-with-SHA256
  const name = sequence(element(0x31, sequence(identifier('550403'), text('ModelYard test')))); // commonName
  const subjectNames = sequence(
    element(0x82, Buffer.from(host ?? 'localhost')),
    ...(host === undefined ? [element(0x87, Buffer.from([127, 0, 0, 1]))] : []),
  );
  const extensions = sequence(
    sequence(identifier('551d11'), octets(subjectNames)), // subjectAltName
    sequence(identifier('551d13'), yes, octets(sequence(yes))), // basicConstraints: an authority, of itself
  );
  const toBeSigned = sequence(
    element(0xa0, integer(2)), // version 3
    integer(1),
    algorithm,
    name,
    sequence(...validity.map(time)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, extensions),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  return sequence(toBeSigned, algorithm, element(0x03, Buffer.from([0]), signature));
}

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const bytes: number[] = [];
  for (let rest = content.length; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
  const length = content.length < 128 ? [content.length] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
const sequence = (...parts: readonly Uint8Array[]) => element(0x30, ...parts);
const identifier = (hex: string) => element(0x06, Buffer.from(hex, 'hex'));
const integer = (value: number) => element(0x02, Buffer.from([value]));
const octets = (content: Uint8Array) => element(0x04, content);
const text = (value: string) => element(0x0c, Buffer.from(value));
const time = (at: Date) => element(0x18, Buffer.from(`${at.toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
const yes = element(0x01, Buffer.from([0xff]));

function dayFromNow(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
