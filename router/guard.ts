import type { IncomingMessage } from 'node:http';
import type { EdgeParts, Route } from './parts.ts';

/*
 * A guarded route is reached with a token: in the header `x-thaw-token` or `x-access-token`, the query
 * parameter `thaw_token` or the cookie of that name. What code behind the route
 * sees has none of them.
 */

/** The second is what E2B's clients send. */
const HEADERS = ['x-thaw-token', 'x-access-token'];
const NAME = 'thaw_token';

/** Whether a request may go to a route. The token is taken off it, and a cookie for the rest of a page is promised. */
export function admit(req: IncomingMessage, route: Route, { admits }: Pick<EdgeParts, 'admits'>): boolean {
  if (!leadsTo(route, req.url ?? '')) return false;
  if (route.guarded !== true) return true;
  const headers = HEADERS.map((name) => req.headers[name]).filter((value) => typeof value === 'string');
  const query = takeFromQuery(req);
  const tokens = [...headers, query, ...takeFromCookies(req)];
  const token = tokens.find((one) => one !== undefined && admits?.(one, route) === true);
  if (token === undefined) return false;
  if (token === query) promised.set(req, `${NAME}=${token}; Path=/; HttpOnly; SameSite=Lax`);
  return true;
}

/** Paths are compared as they are sent: what would have to be decoded leads nowhere. */
function leadsTo({ paths }: Route, url: string): boolean {
  if (paths === undefined) return true;
  const path = url.split('?', 1)[0] ?? '';
  return paths.some((one) => (one.endsWith('/') ? path.startsWith(one) : path === one));
}

/** Cookies that the answers of requests are to set. */
const promised = new WeakMap<IncomingMessage, string>();

/** The cookie that the answer has to set: a page that was opened with a token in its address loads what belongs to it. */
export function promisedCookie(req: IncomingMessage): string | undefined {
  return promised.get(req);
}

function takeFromQuery(req: IncomingMessage): string | undefined {
  const url = req.url ?? '';
  const query = url.indexOf('?');
  if (query < 0 || !url.includes(NAME, query)) return undefined;
  let found: string | undefined;
  const kept = url
    .slice(query + 1)
    .split('&')
    .filter((pair) => {
      if (!pair.startsWith(`${NAME}=`)) return true;
      found ??= pair.slice(NAME.length + 1);
      return false;
    });
  req.url = url.slice(0, query) + (kept.length === 0 ? '' : `?${kept.join('&')}`);
  return found;
}

function takeFromCookies(req: IncomingMessage): string[] {
  const found: string[] = [];
  const { rawHeaders } = req;
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'cookie') continue;
    const kept = (rawHeaders[at + 1] ?? '').split(/; */).filter((pair) => {
      if (!pair.startsWith(`${NAME}=`)) return true;
      found.push(pair.slice(NAME.length + 1));
      return false;
    });
    if (kept.length === 0) rawHeaders.splice(at, 2);
    else rawHeaders[at + 1] = kept.join('; ');
  }
  return found;
}
