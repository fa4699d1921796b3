import { createReadStream, type Stats } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { findFile } from './find.ts';
import { rangeOf } from './range.ts';
import { typeOf } from './types.ts';

/** Names that tools give to what never changes, e.g. `app.3f9a1c2b.js` and `chunk-Xb2fJ0aZ.css`. */
const FINGERPRINT = /[.-](?=[\w-]*\d)[\w-]{8,}\.\w+$/;
const YEAR_S = 31_536_000;

/** Answers one request out of a directory. */
export async function answer(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const found = await findFile(directory, request.url ?? '/');
  if (found === undefined) {
    await missing(directory, response, method);
    return;
  }
  if ('redirect' in found) {
    response.writeHead(308, { location: found.redirect }).end();
    return;
  }
  const { path, stats } = found;
  const about = {
    etag: etagOf(stats),
    'last-modified': stats.mtime.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': typeOf(path),
    'cache-control': FINGERPRINT.test(path) ? `public, max-age=${YEAR_S}, immutable` : 'no-cache',
    'x-content-type-options': 'nosniff',
  };
  if (headers['if-none-match']?.split(',').some((tag) => tag.trim() === about.etag || tag.trim() === '*')) {
    response.writeHead(304, about).end();
    return;
  }
  const range =
    headers['if-range'] === undefined || headers['if-range'] === about.etag
      ? rangeOf(headers.range, stats.size)
      : 'all';
  if (range === 'none') {
    response.writeHead(416, { 'content-range': `bytes */${stats.size}` }).end();
    return;
  }
  const [from, to] = range === 'all' ? [0, stats.size - 1] : range;
  const partial = range === 'all' ? {} : { 'content-range': `bytes ${from}-${to}/${stats.size}` };
  response.writeHead(range === 'all' ? 200 : 206, { ...about, ...partial, 'content-length': to - from + 1 });
  if (method === 'HEAD' || stats.size === 0) response.end();
  else await pipeline(createReadStream(path, { start: from, end: to }), response).catch(() => response.destroy());
}

/** `404.html` of the site, if it has one. */
async function missing(directory: string, response: ServerResponse, method: string): Promise<void> {
  const page = await findFile(directory, '/404.html');
  const type = page === undefined ? 'text/plain; charset=utf-8' : 'text/html; charset=utf-8';
  response.writeHead(404, { 'content-type': type, 'cache-control': 'no-cache' });
  if (method === 'HEAD' || page === undefined || !('path' in page))
    response.end(method === 'HEAD' ? undefined : 'Not found\n');
  else await pipeline(createReadStream(page.path), response).catch(() => response.destroy());
}

const etagOf = ({ size, mtimeMs }: Stats) => `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
