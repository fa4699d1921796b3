import type { Guest } from '../egress/guest.ts';
import { isClosed } from '../egress/ranges.ts';
import { answerMessage, type Question, RCODE, type Reply, readQuestion, relayedMessage, TYPE } from './message.ts';
import { askUpstream, type Upstream } from './upstream.ts';

/** What a guest is told to keep an answer for, in seconds. */
const TTL = { least: 5, most: 300 };
const DNS_PORT = 53;
/** Types besides addresses that have a use; any other has no records as far as a guest is concerned. */
const RELAYED = new Set<number>([TYPE.NS, TYPE.CNAME, TYPE.SOA, TYPE.PTR, TYPE.MX, TYPE.TXT, TYPE.SRV, TYPE.CAA]);

/**
 * Answers a guest that has rules. A name that they do not allow is not asked for, so nothing can be told to anybody in
 * it; glibc takes "no such name" as final, a refusal as something to try again. Addresses in closed ranges are left out,
 * and those that remain are remembered as given for this name. There is no IPv6, and HTTPS records could hide a name
 * (encrypted ClientHello), so these have no records.
 *
 * @returns undefined for what is no question, or cannot be answered: the guest asks again
 */
export async function answerRuled(upstream: Upstream, guest: Guest, message: Buffer): Promise<Buffer | undefined> {
  const question = readQuestion(message);
  if (question === undefined) return undefined;
  if (!guest.policy.allowsName(question.name)) {
    guest.refuse({ destination: question.name, port: DNS_PORT, protocol: 'dns', reason: 'not_allowed' });
    return answerMessage(question, RCODE.noSuchName);
  }
  try {
    if (question.type === TYPE.A) return await answerAddresses(upstream, guest, question);
    if (!RELAYED.has(question.type)) return answerMessage(question, RCODE.none);
    return relayedMessage(question, withoutAddresses(await askUpstream(upstream, question)));
  } catch {
    return answerMessage(question, RCODE.failed);
  }
}

/** Addresses that a guest may have for a name, remembered as given to it. */
export async function giveAddresses(upstream: Upstream, guest: Guest, question: Question): Promise<Answer> {
  const { rcode, records } = await askUpstream(upstream, question);
  const shortest = Math.min(TTL.most, ...records.map((record) => record.ttl));
  const ttl = Math.max(TTL.least, shortest);
  const all = records
    .filter(({ type, data }) => type === TYPE.A && data.length === 4)
    .map(({ data }) => data.readUInt32BE(0));
  const addresses = all.filter((address) => !isClosed(address));
  if (addresses.length < all.length) {
    guest.refuse({ destination: question.name, port: DNS_PORT, protocol: 'dns', reason: 'closed_range' });
  }
  guest.given.remember(question.name, addresses, ttl);
  return { rcode, addresses, ttl };
}

interface Answer {
  rcode: number;
  addresses: number[];
  ttl: number;
}

async function answerAddresses(upstream: Upstream, guest: Guest, question: Question): Promise<Buffer> {
  const { rcode, addresses, ttl } = await giveAddresses(upstream, guest, question);
  return answerMessage(question, rcode, addresses, ttl);
}

/** @throws Error for an answer that brings addresses to a question for something else */
function withoutAddresses(reply: Reply): Reply {
  if (reply.records.some(({ type }) => type === TYPE.A || type === TYPE.AAAA)) throw new Error('addresses unasked for');
  return reply;
}
