import { isIP } from 'node:net';

/** Longest host name of the DNS, with room for a final dot and a port. */
const LONGEST_HOST = 253 + 1 + 6;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Two labels or more. */
const HOST = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const PORT = /^\d{1,5}$/;

/**
 * What a Host header names: an app's label when it is one DNS label below the
 * domain (`Shop.localhost:8080` is `shop` when that is `localhost`), else the
 * whole host name in lower case, without port and final dot. The two are told
 * apart by their dots. Undefined for what is no host name, and for all else at or
 * below the domain: that is the platform's own.
 */
export function nameOf(host: string | undefined, domain: string): string | undefined {
  if (host === undefined || host.length > LONGEST_HOST) return undefined;
  const colon = host.indexOf(':');
  if (colon >= 0 && !PORT.test(host.slice(colon + 1))) return undefined;
  let name = (colon >= 0 ? host.slice(0, colon) : host).toLowerCase();
  // A name may end with the dot of the DNS root.
  if (name.endsWith('.')) name = name.slice(0, -1);
  if (name.endsWith(domain)) {
    const rest = name.length - domain.length;
    if (rest === 0) return undefined;
    if (name.charCodeAt(rest - 1) === DOT) {
      const label = name.slice(0, rest - 1);
      return LABEL.test(label) ? label : undefined;
    }
  }
  return HOST.test(name) && isIP(name) === 0 ? name : undefined;
}

const DOT = 46;

/** The wildcard that covers a whole host name: `*.example.com` for `www.example.com`. Undefined for a label. */
export function wildcardOf(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot < 0 ? undefined : `*${name.slice(dot)}`;
}

const SANDBOX_PORT = /^(\d{1,5})-(s[a-z0-9]{15})$/;

/** What a label names when it is `<port>-<sandbox>`; no app can be called so. */
export function sandboxPortOf(label: string): { port: number; sandbox: string } | undefined {
  const [, digits = '', sandbox = ''] = SANDBOX_PORT.exec(label) ?? [];
  const port = Number(digits);
  return port >= 1 && port <= 65_535 && digits === String(port) ? { port, sandbox } : undefined;
}
