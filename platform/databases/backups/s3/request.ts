import { AwsV4Signer } from 'aws4fetch';
import type { BucketPlace } from './place.ts';
import { refusal } from './refusal.ts';

/** Longest that nothing may move: no byte of what is sent, and no answer. */
const STILL_MS = 60_000;
/** What of an error's text is read. */
const ERROR_BYTES = 64 * 1024;

interface Wanted {
  method: 'GET' | 'PUT' | 'DELETE';
  /** Of an object, with the prefix; empty = the bucket itself. */
  key: string;
  query?: Record<string, string>;
  /** Position to read from. */
  from?: number;
  /** What is sent, and its size. */
  body?: { bytes: number; content: AsyncIterable<Uint8Array> };
}

/**
 * Sends one signed request, once. A body is sent as it comes: its hash is left out of the signature, which S3 allows.
 *
 * @throws ThawError as `refusal` says, for every answer but a good one
 */
export async function send(place: BucketPlace, wanted: Wanted, signal: AbortSignal): Promise<Response> {
  const { method, key, query = {}, from, body } = wanted;
  const url = new URL(`${place.endpoint}/${place.bucket}${key === '' ? '' : `/${escaped(key)}`}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const asked = `${method} ${url.href}`;
  const headers: Record<string, string> = {};
  if (from !== undefined && from > 0) headers.range = `bytes=${from}-`;
  if (body !== undefined) headers['content-length'] = String(body.bytes);
  const { endpoint: _, bucket: __, prefix: ___, ...account } = place;
  const signed = await new AwsV4Signer({ ...account, service: 's3', method, url: url.href, headers }).sign();
  // Not signed, for some proxies change it; without it some of them compress what they answer.
  signed.headers.set('accept-encoding', 'identity');
  const still = new AbortController();
  const timer = setTimeout(() => still.abort(), STILL_MS);
  try {
    const answer = await fetch(signed.url, {
      method,
      headers: signed.headers,
      // Following one would mean sending the body again, and the signature is for this host alone.
      redirect: 'manual',
      signal: AbortSignal.any([signal, still.signal]),
      ...(body === undefined ? {} : sent(body, () => timer.refresh())),
    });
    if (answer.ok) return answer;
    const text = (await answer.text()).slice(0, ERROR_BYTES);
    const code = /<Code>([\w.-]{1,100})<\/Code>/.exec(text)?.[1] ?? 'without a code';
    throw refusal({ status: answer.status, code }, `${asked}: ${text.slice(0, 1000)}`);
  } catch (error) {
    signal.throwIfAborted();
    throw still.signal.aborted ? refusal({ status: 0, code: 'no answer' }, asked, error) : broken(asked, error);
  } finally {
    clearTimeout(timer);
  }
}

/** What a connection that failed or broke off throws; other errors as they are. */
export function broken(asked: string, error: unknown): unknown {
  // fetch throws nothing else for the network's failures.
  if (!(error instanceof TypeError)) return error;
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'the connection broke off';
  return refusal({ status: 0, code }, asked, error);
}

function sent({ bytes, content }: { bytes: number; content: AsyncIterable<Uint8Array> }, moved: () => void) {
  if (bytes === 0) return { body: new Uint8Array(0) };
  const watched = async function* () {
    for await (const chunk of content) {
      moved();
      yield chunk;
    }
  };
  // Required for bodies that come by and by; absent in the types of fetch.
  return { body: ReadableStream.from(watched()), duplex: 'half' } as const;
}

/** As S3 wants it in a path: all but letters, digits and `-_.~/` escaped. */
function escaped(key: string): string {
  const percent = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return key
    .split('/')
    .map(encodeURIComponent)
    .join('/')
    .replace(/[!'()*]/g, percent);
}
