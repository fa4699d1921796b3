import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { renewIfThawed } from './random.ts';
import type { Answering, Context } from './recognise.ts';

/** What the code's author reads of an error; a client reads none of it. */
export type Complain = (error: unknown) => void;

const BROKEN = JSON.stringify({
  error: { code: 'app_crashed', message: 'The function failed to answer this request.' },
});
const JSON_TYPE = { 'content-type': 'application/json' };

/**
 * The HTTP server in front of a function.
 *
 * @param context makes what each request's code gets as `ctx`
 */
export function serverFor(answering: Answering, context: () => Context, complain: Complain): Server {
  if (answering.by === 'server') return tune(answering.server);
  const listener =
    answering.by === 'listener'
      ? nodeListener(answering.listener, complain)
      : fetchListener(answering.fetch, context, complain);
  return tune(createServer({ connectionsCheckingInterval: 2 ** 30 }, listener));
}

/**
 * The router decides how long a request or a connection may take, and the edge writes the `Date`: Node's own is a copy
 * of up to a second ago, which after a thaw would be the time of the freeze.
 */
function tune(server: Server): Server {
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.prependListener('request', (_request: unknown, response: ServerResponse) => {
    renewIfThawed();
    response.sendDate = false;
  });
  // A listener of ours alone would make Node hand over connections that nobody takes.
  if (server.listenerCount('upgrade') > 0) server.prependListener('upgrade', renewIfThawed);
  return server;
}

function nodeListener(listener: RequestListener, complain: Complain): RequestListener {
  const fail = (response: ServerResponse, error: unknown) => {
    complain(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500, JSON_TYPE).end(BROKEN);
  };
  return (request, response) => {
    try {
      const answered: unknown = listener(request, response);
      if (answered instanceof Promise) answered.catch((error: unknown) => fail(response, error));
    } catch (error) {
      fail(response, error);
    }
  };
}

function fetchListener(
  fetch: Extract<Answering, { by: 'fetch' }>['fetch'],
  context: () => Context,
  complain: Complain,
): RequestListener {
  const env = { ...process.env };
  const failed = (error: unknown) => {
    complain(error);
    return new Response(BROKEN, { status: 500, headers: JSON_TYPE });
  };
  const answer = async (request: Request): Promise<Response> => {
    try {
      const response = await fetch(request, env, context());
      if (response instanceof Response) return response;
      throw new TypeError(`The function returned ${name(response)} where a Response is expected.`);
    } catch (error) {
      return failed(error);
    }
  };
  return getRequestListener(answer, { errorHandler: failed });
}

function name(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object'
    ? `an object (${value.constructor?.name ?? 'without prototype'})`
    : `a ${typeof value}`;
}
