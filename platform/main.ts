import { readConfig } from './config.ts';
import { toThawError } from './errors.ts';
import { createLog } from './log.ts';
import { serve } from './serve.ts';

/** `node platform/main.ts`: config -> parts -> serve -> signal -> dispose. */
try {
  const config = readConfig();
  const log = createLog(config.logLevel);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop(name));
  await using server = await serve(config, log);
  log.info({ api: server.api, edge: server.edge }, 'thaw is ready');
  log.info({ signal: await stopped }, 'stopping');
} catch (error) {
  const known = toThawError(error);
  process.stderr.write(`Error: ${known.message}\n${known.hint ? `${known.hint}\n` : ''}`);
  if (known.cause !== undefined) createLog('error').error({ err: known.cause }, 'the server could not start');
  process.exitCode = 1;
}
