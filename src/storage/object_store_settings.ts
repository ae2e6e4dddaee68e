/** An S3-compatible object store that holds the artifacts. */
export interface ObjectStoreSettings {
  bucket: string;
  /** What every key begins with: empty, or it ends with `/`. */
  prefix: string;
  /** Address of a store that is not AWS's. */
  endpoint: string | undefined;
  region: string | undefined;
  /** undefined: found as AWS's tools do, from a profile, a web identity, the container or the machine. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined } | undefined;
}

/** Reads `s3://bucket/prefix`. @returns undefined where it is no such address */
export function parseArtifactAddress(
  text: string,
): Pick<ObjectStoreSettings, 'bucket' | 'prefix'> | undefined {
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w!'()*./-]*))?$/.exec(text);
  const [, bucket, given = ''] = found ?? [];
  if (bucket === undefined) return undefined;
  const prefix = given.replace(/^\/+|\/+$/g, '');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

/** As people write it. */
export function addressOf({ bucket, prefix }: Pick<ObjectStoreSettings, 'bucket' | 'prefix'>): string {
  return `s3://${bucket}/${prefix}`;
}
