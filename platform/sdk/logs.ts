import { errorFromBody } from './error.ts';
import type { CallOptions, Transport } from './transport.ts';

/** One line that the code of an app wrote. */
export interface LogLine {
  /** ISO 8601 with milliseconds. */
  time: string;
  instance: string;
  deployment: string;
  stream: 'stdout' | 'stderr';
  line: string;
}

export interface LogOptions extends CallOptions {
  /** Lines of the past to begin with; the server's default is 100. */
  tail?: number | undefined;
  /** Goes on with what is written from now on, until the signal fires. */
  follow?: boolean | undefined;
}

/** What the code of apps wrote, over all of their instances. */
export class Logs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The log of an app, oldest line first. Leaving the loop ends the request. */
  async *read(app: string, options: LogOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    const { tail, follow, ...call } = options;
    const entries = this.#transport.lines<LogLine | { error: unknown }>({
      ...call,
      path: ['v1', 'apps', app, 'logs'],
      query: { tail, follow: follow === true ? 1 : undefined },
    });
    for await (const entry of entries) {
      // How the server tells of a failure once the stream has begun.
      if ('error' in entry) throw errorFromBody(entry, 200, undefined);
      yield entry;
    }
  }
}
