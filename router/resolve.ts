/** Longest host name of the DNS, with room for a port. */
const LONGEST_HOST = 253 + 6;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const PORT = /^:\d{1,5}$/;

/**
 * The label that a Host header names: `Shop.localhost:8080` is `shop` when the
 * domain is `localhost`. Undefined for everything that is not exactly one DNS
 * label, a dot and the domain.
 */
export function labelOf(host: string | undefined, domain: string): string | undefined {
  if (host === undefined || host.length > LONGEST_HOST) return undefined;
  const dot = host.indexOf('.');
  if (dot <= 0) return undefined;
  const after = host.slice(dot + 1);
  const colon = after.indexOf(':');
  if (colon >= 0 && !PORT.test(after.slice(colon))) return undefined;
  const suffix = colon >= 0 ? after.slice(0, colon) : after;
  // A name may end with the dot of the DNS root.
  const named = suffix.endsWith('.') ? suffix.slice(0, -1) : suffix;
  if (named.toLowerCase() !== domain) return undefined;
  const label = host.slice(0, dot).toLowerCase();
  return LABEL.test(label) ? label : undefined;
}
