/**
 * The bytes that a `Range` header asks for (RFC 9110, section 14). More than one range is answered with all, as is a header
 * that is none.
 *
 * @returns first and last byte; `none` when there are no such bytes
 */
export function rangeOf(header: string | undefined, size: number): [from: number, to: number] | 'all' | 'none' {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'all';
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'none' : [size - count, size - 1];
  }
  const from = Number(first);
  const to = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (from >= size) return 'none';
  return from > to ? 'all' : [from, to];
}
