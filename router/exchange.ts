import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../platform/errors.ts';
import type { Reached } from './attempt.ts';
import type { Route } from './parts.ts';
import type { Trace } from './trace.ts';

/** One request at the edge, and what came of it so far. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  readonly trace: Trace;
  /** When it came, on the edge's clock. */
  readonly began: number;
  /** The client waits for `100 Continue` before it sends the body; false once it was told to go on. */
  expectsContinue: boolean;
  /** What it names; undefined until that was looked up, and when there is no such app. */
  route: Route | undefined;
  /** Set when an instance's answer has begun. */
  reached: Reached | undefined;
  /** When its answer began, be it the edge's own; on the edge's clock. */
  answered: number | undefined;
  /** What went wrong, where the edge itself had to answer. */
  code: ErrorCode | undefined;
}

/** A request that just came. */
export function newExchange(
  req: IncomingMessage,
  res: ServerResponse,
  named: Pick<Exchange, 'requestId' | 'trace' | 'began' | 'expectsContinue'>,
): Exchange {
  const { requestId, trace, began, expectsContinue } = named;
  return {
    req,
    res,
    requestId,
    trace,
    began,
    expectsContinue,
    route: undefined,
    reached: undefined,
    answered: undefined,
    code: undefined,
  };
}
