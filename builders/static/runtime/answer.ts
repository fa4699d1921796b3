import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { isCurrent, lifetimeOf, tagOf } from './caching.ts';
import { type Compressed, compressedOf } from './compressed.ts';
import { type File, findFile } from './find.ts';
import { rangeOf } from './range.ts';
import { typeOf } from './types.ts';

/** Answers one request out of a directory. */
export async function answer(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/', headers } = request;
  response.setHeader('x-content-type-options', 'nosniff');
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const found = await findFile(directory, url);
  if (found === undefined) {
    await missing(directory, request, response);
    return;
  }
  if ('redirect' in found) {
    response.writeHead(308, { location: found.redirect }).end();
    return;
  }
  const { siblings, chosen } = await compressedOf(found, headers);
  const file = chosen?.file ?? found;
  const about = { ...describe(found, siblings, chosen), 'cache-control': lifetimeOf(found.path), etag: tagOf(file) };
  if (isCurrent(headers['if-none-match'], about.etag)) {
    response.writeHead(304, about).end();
    return;
  }
  const { size } = file.stats;
  const isSameFile = headers['if-range'] === undefined || headers['if-range'] === about.etag;
  const range = isSameFile ? rangeOf(headers.range, size) : 'all';
  if (range === 'none') {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  if (range === 'all') {
    response.writeHead(200, { ...about, 'content-length': size });
    await send(response, method, file);
    return;
  }
  const [from, to] = range;
  response.writeHead(206, {
    ...about,
    'content-range': `bytes ${from}-${to}/${size}`,
    'content-length': to - from + 1,
  });
  await send(response, method, file, { start: from, end: to });
}

/** `404.html` of the site, if it has one. */
async function missing(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const page = await findFile(directory, '/404.html');
  if (page === undefined || 'redirect' in page) {
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' });
    response.end('Not found\n');
    return;
  }
  const { siblings, chosen } = await compressedOf(page, request.headers);
  const file = chosen?.file ?? page;
  const about = { ...describe(page, siblings, chosen), 'cache-control': 'no-cache' };
  response.writeHead(404, { ...about, 'content-length': file.stats.size });
  await send(response, request.method, file);
}

function describe({ path }: File, siblings: boolean, chosen: Compressed | undefined): Record<string, string> {
  return {
    'content-type': typeOf(path),
    'accept-ranges': 'bytes',
    ...(siblings ? { vary: 'accept-encoding' } : {}),
    ...(chosen === undefined ? {} : { 'content-encoding': chosen.encoding }),
  };
}

async function send(
  response: ServerResponse,
  method: string | undefined,
  { path, stats }: File,
  range: { start?: number; end?: number } = {},
): Promise<void> {
  if (method === 'HEAD' || stats.size === 0) response.end();
  // Who goes away in the middle is no failure of ours.
  else await pipeline(createReadStream(path, range), response).catch(() => response.destroy());
}
