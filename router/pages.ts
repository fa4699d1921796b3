import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode, ThawError } from '../platform/errors.ts';

/** Seconds after which a client may try again when nothing had room. */
const RETRY_AFTER_S = 1;

/** What the page calls what happened; the code alone tells a person little. */
const TITLES: Partial<Record<ErrorCode, string>> = {
  not_found: 'No such app',
  app_crashed: 'The app broke',
  quota_exceeded: 'Too many requests',
  no_room: 'No room right now',
  unavailable: 'Not available right now',
  thaw_failed: 'The app did not start',
  template_stale: 'The app did not start',
  timed_out: 'The app took too long',
  invalid_input: 'The request is not right',
};

/**
 * Answers with an error, as JSON or as a page by the request's Accept header.
 * Says what happened and what to do, nothing of the inside. An answer that has
 * begun already can only be cut off.
 */
export function answerError(req: IncomingMessage, res: ServerResponse, error: ThawError, requestId: string): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const html = prefersHtml(req.headers.accept);
  const body = html ? page(error, requestId) : `${JSON.stringify(error.toBody())}\n`;
  const { status } = error;
  res.writeHead(status, {
    'content-type': html ? 'text/html; charset=utf-8' : 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    ...(html ? { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" } : {}),
    ...(error.limit === undefined ? {} : { 'x-thaw-limit': error.limit }),
    ...(status === 503 || status === 429 ? { 'retry-after': retryAfter(error) } : {}),
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Whole seconds, as the header wants them; rounded up, so that the next try is not too early again. */
function retryAfter({ retryAfterMs }: ThawError): string {
  return String(retryAfterMs === undefined ? RETRY_AFTER_S : Math.max(1, Math.ceil(retryAfterMs / 1000)));
}

/** True when HTML is asked for, and not less than JSON (RFC 9110, section 12.5.1). */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes('text/html')) return false;
  const weight = (type: string) => {
    const range = accept.split(',').find((part) => part.trim().toLowerCase().startsWith(type));
    if (range === undefined) return 0;
    const q = /;\s*q=([\d.]+)/i.exec(range);
    return q === null ? 1 : Number(q[1]);
  };
  const html = weight('text/html');
  return html > 0 && html >= weight('application/json');
}

function page(error: ThawError, requestId: string): string {
  const title = TITLES[error.code] ?? 'Something went wrong';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${error.status} ${escapeHtml(title)}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
  body { display: grid; place-items: center; min-height: 100vh; margin: 0 }
  main { max-width: 34rem; padding: 2rem }
  h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1rem }
  small { opacity: .6 }
</style>
<main>
  <small>${error.status} ${escapeHtml(error.code)}</small>
  <h1>${escapeHtml(title)}</h1>
  <p>${escapeHtml(error.message)}</p>
${error.hint === undefined ? '' : `  <p>${escapeHtml(error.hint)}</p>\n`}  <small>Request ${escapeHtml(requestId)}</small>
</main>
</html>
`;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] as string);
}
