/*
 * What a log is made of, as whoever reads one sees it.
 */

/** How bad a line is; each is worse than those before it. */
export const LEVELS = ['info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Where a line comes from: what the code wrote, or a request that the edge answered. */
export const STREAMS = ['stdout', 'stderr', 'request'] as const;
export type LogStream = (typeof STREAMS)[number];

/** A request that is over. Neither its query nor its client's address is kept: both may tell of a person. */
export interface RequestRecord {
  method: string;
  /** Without the query. */
  path: string;
  /** 499 when the client left before there was one. */
  status: number;
  /** From its head to the end of its answer, in milliseconds. */
  ms: number;
  /** Bytes that went to the client, heads included. */
  bytes: number;
  /** How the instance came to be there; absent when none answered. */
  start?: 'cold' | 'resumed' | 'warm';
  /** What went wrong, where the edge itself answered. */
  code?: string;
  /** The answer did not come to its end. */
  cut?: true;
  /** Of its W3C trace context: 32 hex digits; absent in what older servers wrote. */
  traceId?: string;
}

/** One line of an app's log. */
export interface LogLine {
  /** ISO 8601 with milliseconds, in UTC. */
  time: string;
  /** Null for a request that no instance answered. */
  instance: string | null;
  deployment: string;
  stream: LogStream;
  level: LogLevel;
  /** Where it is known. */
  requestId?: string;
  /** Of what code wrote: grows by one a line within its instance; a gap tells how many were lost. */
  seq?: number;
  line: string;
  /** Set for the stream `request`. */
  request?: RequestRecord;
}

/** Which lines are wanted; what is absent does not matter. */
export interface LogQuery {
  /** From this moment on; ISO 8601 with milliseconds, in UTC. */
  since?: string | undefined;
  /** Before this moment. */
  until?: string | undefined;
  /** This bad or worse. */
  level?: LogLevel | undefined;
  /** Holds this text, whatever its case. */
  text?: string | undefined;
  stream?: LogStream | undefined;
  /** Written by code: every stream but that of requests. */
  written?: boolean | undefined;
  deployment?: string | undefined;
  instance?: string | undefined;
  requestId?: string | undefined;
}
