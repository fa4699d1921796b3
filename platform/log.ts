import pino from 'pino';

/** Logs are events with fields: `log.info({ vm, ms }, 'thawed')`. Scopes are child loggers. */
export type Log = pino.Logger;

/**
 * The server's logger: one JSON object a line on standard error.
 *
 * @param level lowest level that is written: `debug`, `info`, `warn`, `error` or `silent`
 */
export function createLog(level: string): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
}

/** A logger that writes nothing. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
