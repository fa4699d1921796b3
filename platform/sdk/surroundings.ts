import { ThawApiError } from './error.ts';
import type { ThawOptions } from './transport.ts';

/** Which server, as far as it is said. */
export type ServerOptions = { [K in keyof ThawOptions]?: ThawOptions[K] | undefined };

/**
 * Address and key that were given, else those of the environment where there is one: `THAW_URL` and `THAW_API_KEY`.
 *
 * @throws ThawApiError `invalid_input` without an address
 */
export function fromSurroundings(options: ServerOptions): ThawOptions {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const url = options.url ?? process?.env?.THAW_URL;
  if (url === undefined || url === '') {
    throw new ThawApiError('invalid_input', 'It is not known where the server is.', {
      hint: 'Pass url and apiKey, or set THAW_URL and THAW_API_KEY.',
    });
  }
  // A key is for the server that it was set with, and for no other that the caller names.
  const apiKey = options.apiKey ?? (options.url === undefined ? process?.env?.THAW_API_KEY : undefined);
  return { ...options, url, apiKey };
}
