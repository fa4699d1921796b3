import { resolve } from 'node:path';
import type { StorePlace } from './databases/backups/open-store.ts';
import { ThawError } from './errors.ts';

/** The environment variables that other programs read for S3 too. */
export interface BucketVariables {
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
  AWS_REGION?: string | undefined;
  AWS_ENDPOINT_URL?: string | undefined;
}

/** What stores that have no regions take. */
const REGION = 'us-east-1';
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGIONS = /^[a-z0-9-]{1,40}$/i;
/** No part is empty, or climbs: paths of URLs lose such parts. Names of files come after it, of 1024 bytes in all. */
const PREFIX = /^(?!.*(^|\/)\.{0,2}(\/|$))[^\p{Cc}]{1,200}$/u;

/**
 * Reads `THAW_BACKUPS`: a directory, or `s3://bucket/prefix`.
 *
 * @throws ThawError `misconfigured`
 */
export function readBackupPlace(text: string, variables: BucketVariables): StorePlace {
  if (!text.startsWith('s3://')) {
    if (/^\w+:\/\//.test(text))
      throw wrong(`THAW_BACKUPS begins with ${text.split('/')[0]}`, 'It is a path or s3://bucket.');
    return { kind: 'directory', path: resolve(text) };
  }
  const [bucket = '', ...parts] = text.slice('s3://'.length).replace(/\/$/, '').split('/');
  const prefix = parts.join('/');
  if (!BUCKET.test(bucket) || (parts.length > 0 && !PREFIX.test(prefix))) {
    throw wrong(`THAW_BACKUPS is ${text}`, 'It looks like s3://bucket or s3://bucket/some/prefix.');
  }
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region = REGION,
    AWS_ENDPOINT_URL: endpoint = `https://s3.${region}.amazonaws.com`,
  } = variables;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? 'AWS_ACCESS_KEY_ID' : 'AWS_SECRET_ACCESS_KEY';
    throw wrong(`THAW_BACKUPS names a bucket, and ${missing} is not set`, 'Set the key that may write to the bucket.');
  }
  if (!REGIONS.test(region)) throw wrong(`AWS_REGION is ${region}`, 'It looks like eu-central-1.');
  return {
    kind: 'bucket',
    ...{ bucket, region, accessKeyId, secretAccessKey },
    endpoint: originOf(endpoint),
    prefix: prefix === '' ? '' : `${prefix}/`,
  };
}

function originOf(endpoint: string): string {
  const url = URL.parse(endpoint);
  const bare = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  // The URL is not shown: it may have a password in it.
  if (!bare)
    throw wrong('AWS_ENDPOINT_URL is no bare address', 'It looks like https://s3.example.com or http://10.0.0.5:9000.');
  return url.origin;
}

function wrong(what: string, hint: string): ThawError {
  return new ThawError('misconfigured', `Settings that cannot be used: ${what}.`, {
    hint: `${hint} docs/configuration.md lists all settings.`,
  });
}
