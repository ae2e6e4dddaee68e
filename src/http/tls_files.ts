import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { messageOf, SettingsError } from '../errors.ts';

/** What HTTPS is spoken with, PEM. */
export interface TlsMaterial {
  cert: string;
  key: string;
}

/**
 * Reads the certificate chain and its key.
 * @throws SettingsError naming the file: it cannot be read, is no PEM of its kind, or the two do not belong together
 */
export function readTlsFiles({ certFile, keyFile }: { certFile: string; keyFile: string }): TlsMaterial {
  const cert = readPem('--tls-cert', certFile);
  const key = readPem('--tls-key', keyFile);
  const certificate = parsed(
    () => new X509Certificate(cert),
    `--tls-cert=${certFile} is no certificate in PEM`,
    "It begins with -----BEGIN CERTIFICATE-----, the server's own first.",
  );
  const privateKey = parsed(
    () => createPrivateKey(key),
    `--tls-key=${keyFile} is no private key in PEM that can be read without a passphrase`,
    'openssl pkey -in FILE -out FILE2 writes one.',
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw new SettingsError(
      `--tls-key=${keyFile} is not the key of the certificate in --tls-cert=${certFile}: name the two that were made together.`,
    );
  parsed(
    () => createSecureContext({ cert, key }),
    `--tls-cert=${certFile} and --tls-key=${keyFile} cannot be used`,
    'Every certificate of the chain must be whole.',
  );
  return { cert, key };
}

/** @throws SettingsError when the server's certificate is not valid at that time, milliseconds since 1970 */
export function requireValidAt({ cert }: TlsMaterial, certFile: string, now: number): void {
  const { validFrom, validTo } = new X509Certificate(cert);
  const dateOf = (text: string) => new Date(text).toISOString();
  if (Date.parse(validTo) <= now)
    throw new SettingsError(
      `--tls-cert=${certFile} expired at ${dateOf(validTo)}, and no client would accept it: renew it.`,
    );
  if (Date.parse(validFrom) > now)
    throw new SettingsError(
      `--tls-cert=${certFile} is valid from ${dateOf(validFrom)} on only: wait until then, or set this machine's clock.`,
    );
}

function readPem(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError(`${flag}=${file} cannot be read: ${messageOf(error)}.`);
  }
}

function parsed<T>(parse: () => T, complaint: string, hint: string): T {
  try {
    return parse();
  } catch (error) {
    throw new SettingsError(`${complaint} (${messageOf(error)}). ${hint}`);
  }
}
