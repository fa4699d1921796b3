import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../platform/config.ts';

const KEY = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' };
const place = (env: Record<string, string>) => readConfig({ THAW_DATA: '/srv/thaw', ...env }).backups?.place;
const refused = (env: Record<string, string>, message: RegExp) =>
  assert.throws(
    () => place(env),
    (error: { code: string; message: string }) => error.code === 'misconfigured' && message.test(error.message),
  );

test('backups are kept below the data directory, in another one, or in a bucket', () => {
  assert.deepEqual(place({}), { kind: 'directory', path: '/srv/thaw/backups' });
  assert.deepEqual(place({ THAW_BACKUPS: '/mnt/other/', ...KEY }), { kind: 'directory', path: '/mnt/other' });
  const key = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
  assert.deepEqual(place({ THAW_BACKUPS: 's3://my-bucket', ...KEY }), {
    ...{ kind: 'bucket', bucket: 'my-bucket', prefix: '', ...key },
    ...{ region: 'us-east-1', endpoint: 'https://s3.us-east-1.amazonaws.com' },
  });
  const elsewhere = { AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: 'http://10.0.0.5:9000/' };
  assert.deepEqual(place({ THAW_BACKUPS: 's3://my-bucket/a prefix/of.it/', ...elsewhere, ...KEY }), {
    ...{ kind: 'bucket', bucket: 'my-bucket', prefix: 'a prefix/of.it/', ...key },
    ...{ region: 'eu-central-1', endpoint: 'http://10.0.0.5:9000' },
  });
  assert.equal(place({ THAW_BACKUPS: 's3://my-bucket', THAW_BACKUP_HOURS: '0' }), undefined);
});

test('a setting that cannot be used is refused, and the key is not shown', () => {
  const bucket = 's3://my-bucket';
  refused({ THAW_BACKUPS: bucket }, /AWS_ACCESS_KEY_ID is not set/);
  refused({ THAW_BACKUPS: bucket, AWS_ACCESS_KEY_ID: 'AKIA' }, /AWS_SECRET_ACCESS_KEY is not set/);
  for (const text of ['s3://', 's3://B', 's3://My_Bucket', `${bucket}//a`, `${bucket}/../a`, `${bucket}/a/./b`]) {
    refused({ THAW_BACKUPS: text, ...KEY }, /THAW_BACKUPS is s3:/);
  }
  refused({ THAW_BACKUPS: 'gs://bucket', ...KEY }, /THAW_BACKUPS begins with gs:/);
  for (const url of [
    's3.example.com',
    'ftp://s3.example.com',
    'https://s3.example.com/a',
    'https://me:pw@s3.example.com',
  ]) {
    refused({ THAW_BACKUPS: bucket, AWS_ENDPOINT_URL: url, ...KEY }, /AWS_ENDPOINT_URL is no bare address\.$/);
  }
  refused({ THAW_BACKUPS: bucket, AWS_REGION: 'eu central', ...KEY }, /AWS_REGION is eu central/);
});
