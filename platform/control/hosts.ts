import { domainToASCII } from 'node:url';
import { ThawError } from '../errors.ts';
import { DNS_LABEL, LABEL_MAX, shown } from './names.ts';

/** Longest host name: RFC 1035, section 2.3.4, without the length bytes of the root. */
const HOST_MAX = 253;
const WILDCARD = '*.';

/**
 * A host name as the routes know it: in lower case and ASCII (IDNA), without the dot of the root; `*.` may stand for its
 * left-most label.
 *
 * @throws ThawError `invalid_input` that says the rule
 */
export function normalHost(host: string): string {
  // What the URL parser would decode or cut off is not looked at: `%65`, `/`, `:`, `@`.
  if (!/^(\*\.)?[a-z0-9.\-\u0080-\u{10ffff}]+$/iu.test(host)) throw noHost(host);
  const wildcard = host.startsWith(WILDCARD);
  const ascii = domainToASCII(wildcard ? host.slice(WILDCARD.length) : host)
    .toLowerCase()
    .replace(/\.$/, '');
  const labels = ascii.split('.');
  const named = labels.length >= 2 && labels.every((label) => label.length <= LABEL_MAX && DNS_LABEL.test(label));
  // A name that ends in a number is an address: https://url.spec.whatwg.org/#ends-in-a-number-checker
  if (!named || /^\d+$/.test(labels.at(-1) ?? '')) throw noHost(host);
  const name = (wildcard ? WILDCARD : '') + ascii;
  if (name.length > HOST_MAX) throw noHost(host);
  return name;
}

/**
 * @param host as `normalHost` gives it
 * @param platform the domain that the platform's own host names lie below
 * @throws ThawError `invalid_input` for one of them
 */
export function requireOutside(host: string, platform: string): void {
  if (host !== platform && !host.endsWith(`.${platform}`)) return;
  throw new ThawError('invalid_input', `${host} belongs to the platform: its own host names are below ${platform}.`, {
    hint: 'Add a host name of a domain of your own.',
  });
}

function noHost(host: string): ThawError {
  return new ThawError('invalid_input', `${shown(host)} is no host name that an app can have.`, {
    hint: 'It should look like www.example.com, or *.example.com for every name one label below: labels of 1 to 63 letters, digits and hyphens.',
  });
}
