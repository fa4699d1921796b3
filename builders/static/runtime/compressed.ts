import type { IncomingHttpHeaders } from 'node:http';
import { dirname } from 'node:path';
import { type File, inside } from './find.ts';

/** A file that the site's build has compressed, beside the file itself. */
export interface Compressed {
  encoding: string;
  file: File;
}

/** Endings, the smallest result first. */
const ENDINGS = { br: '.br', gzip: '.gz' } as const;

/**
 * Looks for compressed versions beside a file.
 *
 * @returns whether there are any, and the one to send; parts of a file are sent of the file itself
 */
export async function compressedOf(
  { path }: File,
  headers: IncomingHttpHeaders,
): Promise<{ siblings: boolean; chosen?: Compressed }> {
  const found: Compressed[] = [];
  for (const [encoding, ending] of Object.entries(ENDINGS)) {
    const file = await inside(dirname(path), `${path}${ending}`);
    if (file?.stats.isFile()) found.push({ encoding, file });
  }
  const accepted = headers.range === undefined ? String(headers['accept-encoding'] ?? '') : '';
  const chosen = found.find(({ encoding }) => accepts(accepted, encoding));
  return { siblings: found.length > 0, ...(chosen === undefined ? {} : { chosen }) };
}

function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
