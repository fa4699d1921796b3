import type { LogLevel, RequestRecord } from './contract.ts';

/** A request as a line of text: `GET /reports 200 38 ms cold`. */
export function sentence({ method, path, status, ms, start, code, cut }: RequestRecord): string {
  const words = [method, path, status, `${Math.round(ms)} ms`, start, code, cut && 'cut off'];
  return words.filter((word) => word !== undefined).join(' ');
}

/** How bad a request's end was: an app that fails is an error, a client that is refused or leaves is worth a look. */
export function levelOfRequest({ status, cut }: Pick<RequestRecord, 'status' | 'cut'>): LogLevel {
  if (status >= 500) return 'error';
  return status >= 400 || cut === true ? 'warn' : 'info';
}
