import type { LogLine, LogQuery } from '../logs/contract.ts';
import { errorFromBody } from './error.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { LogLevel, LogLine, LogStream, RequestRecord } from '../logs/contract.ts';

/** Which lines are wanted; what is absent does not matter. */
export interface LogOptions extends CallOptions, Omit<LogQuery, 'since' | 'until' | 'written'> {
  /** From this moment on. */
  since?: Date | undefined;
  /** Before this moment; not together with `follow`. */
  until?: Date | undefined;
  /** Most lines of the past, the newest ones; the server's default is 100, with `since` 10,000. */
  limit?: number | undefined;
  /** Goes on with what is written from now on, until the signal fires. */
  follow?: boolean | undefined;
}

/** What the code of apps wrote and the requests that they answered, over all of their instances. */
export class Logs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The log of an app, oldest line first. Leaving the loop ends the request. */
  async *read(app: string, options: LogOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    const { since, until, level, text, stream, deployment, instance, requestId, limit, follow, ...call } = options;
    const entries = this.#transport.lines<LogLine | { error: unknown }>({
      ...call,
      path: ['v1', 'apps', app, 'logs'],
      query: {
        since: since?.toISOString(),
        until: until?.toISOString(),
        level,
        text,
        stream,
        deployment,
        instance,
        requestId,
        limit,
        follow: follow === true ? 1 : undefined,
      },
    });
    for await (const entry of entries) {
      // How the server tells of a failure once the stream has begun.
      if ('error' in entry) throw errorFromBody(entry, 200, undefined);
      yield entry;
    }
  }
}
