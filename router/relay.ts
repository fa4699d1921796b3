import type { ServerResponse } from 'node:http';
import { ThawError } from '../platform/errors.ts';
import type { Reached } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { promisedCookie } from './guard.ts';
import { toClient, trailersOf } from './headers.ts';
import type { Lease } from './lease.ts';
import type { Roundtrip, Taker } from './wire/roundtrip.ts';

/** What an answer has to know of the edge. */
export interface Teller {
  now(): number;
  /** True once the edge is closing: connections are not kept. */
  closing(): boolean;
}

/**
 * Tells the client the head of an instance's answer, and notes that it has begun.
 *
 * @returns who passes the rest on as it comes
 * @throws ThawError `app_crashed` for one that HTTP does not allow
 */
export function relay(teller: Teller, exchange: Exchange, reached: Reached, up: Roundtrip): Relay {
  const { req, res } = exchange;
  const { answer, lease, route } = reached;
  const headers = toClient(answer, req.httpVersion === '1.1' && req.method !== 'HEAD');
  headers.push(...edgeHeaders(teller, exchange, lease));
  if (exchange.expectsContinue || teller.closing()) res.shouldKeepAlive = false;
  try {
    res.writeHead(answer.status, answer.reason, headers);
  } catch (cause) {
    res.statusMessage = ''; // Node keeps the bad one, and would stumble over it again.
    throw new ThawError('app_crashed', `The code of ${route.app} sent an answer that is no HTTP.`, { cause });
  }
  exchange.reached = reached;
  exchange.answered = teller.now();
  return new Relay(res, up);
}

/** The headers that say what the edge did: the request's id, how the instance came to be there, where the time went. */
export function edgeHeaders(teller: Teller, { began, req, requestId }: Exchange, lease: Lease): string[] {
  const { thawMs, placed } = lease;
  const queueMs = Math.max(0, placed - began - thawMs);
  const appMs = teller.now() - placed;
  const timing = `queue;dur=${queueMs.toFixed(1)}, thaw;dur=${thawMs.toFixed(1)}, app;dur=${appMs.toFixed(1)}`;
  const headers = ['x-request-id', requestId, 'x-thaw-start', lease.start, 'server-timing', timing];
  const cookie = promisedCookie(req);
  return cookie === undefined ? headers : [...headers, 'set-cookie', cookie];
}

/** Passes the body of an answer to the client, no faster than that takes it. */
export class Relay implements Taker {
  readonly #res: ServerResponse;
  readonly #up: Roundtrip;
  /** Of the body, the piece that came last: what comes at once leaves at once, in one packet with the head if need be. */
  #held: Buffer | undefined;
  /** The head has left. */
  #begun = false;
  /** The client takes no more for now. */
  #full = false;
  /** Told that something of the body came. */
  moved: (() => void) | undefined;

  constructor(res: ServerResponse, up: Roundtrip) {
    this.#res = res;
    this.#up = up;
  }

  data(piece: Buffer): void {
    this.moved?.();
    this.#pass();
    this.#held = piece;
  }

  lull(): void {
    if (this.#held !== undefined) this.#pass();
    else if (!this.#begun && !this.#res.destroyed) this.#res.flushHeaders();
    this.#begun = true;
  }

  end(trailers: string[]): void {
    const res = this.#res;
    if (res.destroyed) return;
    try {
      if (trailers.length > 0) {
        this.#pass();
        res.addTrailers(trailersOf(trailers));
      }
      res.end(this.#held);
    } catch {
      res.destroy();
    }
  }

  /** Cut off on the one side, cut off on the other: the client must not take a part for the whole. */
  cut(): void {
    this.#res.destroy();
  }

  #pass(): void {
    const piece = this.#held;
    this.#held = undefined;
    this.#begun = true;
    if (piece === undefined || this.#res.destroyed || this.#res.write(piece) || this.#full) return;
    this.#full = true;
    this.#up.pause();
    this.#res.once('drain', () => {
      this.#full = false;
      this.#up.resume();
    });
  }
}
