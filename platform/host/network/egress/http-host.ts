const REQUEST_LINE = /^[A-Z]{3,16} (\S+) HTTP\/1\.[01]$/;
/** Enough of a request line to tell that it is none. */
const BEGINS = /^[A-Z]{1,16}( |$)/;

/**
 * The host that an HTTP/1 request is for: undefined while bytes are missing, null when there is none or more than one
 * answer to it.
 */
export function requestHost(bytes: Buffer): string | null | undefined {
  const text = bytes.toString('latin1');
  if (!BEGINS.test(text)) return null;
  const end = /\r?\n\r?\n/.exec(text);
  if (end === null) return undefined;
  const [first = '', ...lines] = text.slice(0, end.index).split(/\r?\n/);
  const target = REQUEST_LINE.exec(first)?.[1];
  if (target === undefined) return null;
  const hosts = lines.filter((line) => /^host[ \t]*:/i.test(line));
  const [host] = hosts;
  // A continued line, or a bare carriage return, is read in one way here and in another there.
  if (host === undefined || hosts.length > 1 || lines.some((line) => /^[ \t]|\r/.test(line))) return null;
  const named = hostName(host.slice(host.indexOf(':') + 1).trim());
  if (target.startsWith('/') || target === '*') return named;
  // An absolute target counts for more than the header, so both have to say the same.
  const absolute = hostName(target.replace(/^http:\/\//i, '').replace(/[/?].*$/, ''));
  return absolute === named ? named : null;
}

function hostName(text: string): string | null {
  return /^([\w.-]+?)\.?(:\d{1,5})?$/.exec(text)?.[1]?.toLowerCase() ?? null;
}
