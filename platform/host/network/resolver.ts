import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Egress } from '../contract.ts';
import { GATEWAY_PORTS } from './addresses.ts';

/** How long an answer of the host's resolver is waited for. */
const ANSWER_LIMIT_MS = 5_000;
/** Questions under way at once, of all guests; more are dropped and asked again by the guest. */
const MAX_QUESTIONS = 512;
const DNS_PORT = 53;

/**
 * The gateway's resolver: guests with the public internet ask it, and it asks the
 * host's own resolver, which a guest could not reach by itself. Questions and
 * answers pass as they are (RFC 1035); what an answer names is still subject to
 * the firewall.
 */
export async function openResolver(
  address: string,
  egressOf: (slot: string) => Egress | undefined,
): Promise<AsyncDisposable> {
  const upstream = await hostResolver();
  const mayAsk = (slot: string) => egressOf(slot)?.mode === 'public';
  const questions = new Set<UdpSocket>();
  const udp = createSocket('udp4');
  udp.on('error', () => {});
  udp.on('message', (question, from) => {
    if (!mayAsk(from.address) || questions.size >= MAX_QUESTIONS) return;
    const asked = createSocket('udp4');
    questions.add(asked);
    const done = () => {
      if (!questions.delete(asked)) return;
      clearTimeout(limit);
      asked.close();
    };
    const limit = setTimeout(done, ANSWER_LIMIT_MS);
    asked.on('error', done);
    asked.once('message', (answer) => {
      udp.send(answer, from.port, from.address);
      done();
    });
    asked.connect(DNS_PORT, upstream, () => asked.send(question));
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    if (!mayAsk(socket.remoteAddress ?? '')) return void socket.destroy();
    const asked = connect({ host: upstream, port: DNS_PORT });
    for (const one of [socket, asked]) one.setTimeout(ANSWER_LIMIT_MS, () => one.destroy());
    void Promise.all([pipeline(socket, asked), pipeline(asked, socket)]).catch(() => {
      socket.destroy();
      asked.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    udp.once('error', reject);
    udp.bind(GATEWAY_PORTS.dns, address, resolve);
  });
  await new Promise<void>((resolve, reject) => {
    tcp.once('error', reject);
    tcp.listen(GATEWAY_PORTS.dns, address, resolve);
  });
  return {
    async [Symbol.asyncDispose]() {
      for (const asked of questions) asked.close();
      questions.clear();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

/** The first resolver that the host itself asks; resolv.conf(5). */
async function hostResolver(): Promise<string> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return /^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)/m.exec(text)?.[1] ?? '127.0.0.1';
}
