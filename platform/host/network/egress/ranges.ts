import { networkInterfaces } from 'node:os';
import { CLOSED_RANGES } from '../addresses.ts';

/** An IPv4 range, both ends within it, as numbers. */
export interface Range {
  first: number;
  last: number;
}

/** An IPv4 address in its four-part form as a number; undefined for anything else, leading zeros too. */
export function addressNumber(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let number = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || String(Number(part)) !== part) return undefined;
    number = number * 256 + Number(part);
  }
  return number;
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** The range that an address with a number of leading bits names, from its first address on. */
export function rangeOf(address: number, bits: number): Range {
  const size = 2 ** (32 - bits);
  const first = address - (address % size);
  return { first, last: first + size - 1 };
}

export function within(number: number, { first, last }: Range): boolean {
  return number >= first && number <= last;
}

const CLOSED: readonly Range[] = CLOSED_RANGES.map((text) => {
  const [address = '', bits = ''] = text.split('/');
  return rangeOf(addressNumber(address) ?? 0, Number(bits));
});

/** Whether all of a range is closed in every mode. */
export function liesInClosed(range: Range): boolean {
  return CLOSED.some((closed) => within(range.first, closed) && within(range.last, closed));
}

/** How long the machine's own addresses are taken for what they were. */
const OWN_FOR_MS = 2_000;
let own: { at: number; addresses: Set<number> } | undefined;

/** Whether no guest may connect to an address, whatever its policy says: closed ranges, and this host by any of its addresses. */
export function isClosed(address: number): boolean {
  return CLOSED.some((closed) => within(address, closed)) || ownAddresses().has(address);
}

function ownAddresses(): Set<number> {
  const now = performance.now();
  if (own === undefined || now - own.at > OWN_FOR_MS) {
    const numbers = Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).flatMap(({ address }) => addressNumber(address) ?? []),
    );
    own = { at: now, addresses: new Set(numbers) };
  }
  return own.addresses;
}
