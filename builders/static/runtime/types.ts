import { extname } from 'node:path';
import { lookup } from 'mrmime';

/** The content type of a file, by its name. */
export function typeOf(path: string): string {
  const type = lookup(extname(path)) ?? 'application/octet-stream';
  const isText = type.startsWith('text/') || /[/+](json|xml|javascript)$/.test(type);
  return isText ? `${type}; charset=utf-8` : type;
}
