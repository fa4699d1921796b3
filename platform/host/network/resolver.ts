import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { GATEWAY_PORTS } from './addresses.ts';
import { readQuestion, truncatedMessage } from './dns/message.ts';
import { answerRuled } from './dns/ruled.ts';
import { Frames, framed, type Upstream } from './dns/upstream.ts';
import type { Guest } from './egress/guest.ts';

/** How long an answer of the host's resolver is waited for. */
const ANSWER_LIMIT_MS = 5_000;
/** Questions under way at once, of all guests and of one; more are dropped and asked again by the guest. */
const MAX_QUESTIONS = 512;
const MAX_QUESTIONS_OF_ONE = 64;
/** Connections of one guest at once. */
const MAX_CONNECTIONS_OF_ONE = 16;
/** What every resolver takes in a datagram (RFC 1035, 4.2.1). */
const MAX_DATAGRAM_BYTES = 512;

/**
 * The gateway's resolver. For guests with the public internet it passes questions and answers as they are (RFC 1035) to
 * the host's own resolver, which a guest could not reach by itself; what an answer names is still subject to the
 * firewall. For guests with rules it answers itself (`dns/ruled.ts`). Others get no answer.
 */
export async function openResolver(
  address: string,
  upstream: Upstream,
  guestAt: (slot: string) => Guest | undefined,
): Promise<AsyncDisposable> {
  const modeOf = (slot: string) => guestAt(slot)?.egress.mode;
  const load = new Load();
  const relayed = new Set<UdpSocket>();
  const udp = createSocket('udp4');
  udp.on('error', () => {});
  udp.on('message', (question, { address: slot, port }) => {
    const guest = guestAt(slot);
    const answered = (answer: Buffer) => udp.send(answer, port, slot, () => {});
    if (guest === undefined || !load.enter(slot)) return;
    const done = () => load.leave(slot);
    if (guest.egress.mode === 'public') relay(upstream, question, relayed, answered, done);
    else if (guest.egress.mode === 'rules') void answer(upstream, guest, question, answered).finally(done);
    else done();
  });
  const open = new Set<Socket>();
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    const slot = socket.remoteAddress ?? '';
    const guest = guestAt(slot);
    const others = [...open].filter(({ remoteAddress }) => remoteAddress === slot).length;
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy());
    if (guest === undefined || others >= MAX_CONNECTIONS_OF_ONE) socket.destroy();
    else if (modeOf(slot) === 'public') relayStream(upstream, socket);
    else if (modeOf(slot) === 'rules') void answerStream(upstream, guest, socket).catch(() => socket.destroy());
    else socket.destroy();
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
      for (const socket of open) socket.destroy();
      for (const asked of relayed) asked.close();
      relayed.clear();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

/** Questions under way, in all and of each slot. */
class Load {
  readonly #of = new Map<string, number>();
  #all = 0;

  enter(slot: string): boolean {
    const own = this.#of.get(slot) ?? 0;
    if (this.#all >= MAX_QUESTIONS || own >= MAX_QUESTIONS_OF_ONE) return false;
    this.#of.set(slot, own + 1);
    this.#all += 1;
    return true;
  }

  leave(slot: string): void {
    const own = (this.#of.get(slot) ?? 1) - 1;
    if (own === 0) this.#of.delete(slot);
    else this.#of.set(slot, own);
    this.#all -= 1;
  }
}

async function answer(
  upstream: Upstream,
  guest: Guest,
  question: Buffer,
  answered: (answer: Buffer) => void,
): Promise<void> {
  const reply = await answerRuled(upstream, guest, question);
  const asked = readQuestion(question);
  if (reply === undefined || asked === undefined) return;
  answered(reply.length > MAX_DATAGRAM_BYTES ? truncatedMessage(asked) : reply);
}

/** Answers one question after the other. */
async function answerStream(upstream: Upstream, guest: Guest, socket: Socket): Promise<void> {
  const frames = new Frames();
  for await (const chunk of socket) {
    for (const question of frames.add(chunk)) {
      const reply = await answerRuled(upstream, guest, question);
      if (reply === undefined) return void socket.destroy();
      socket.write(framed(reply));
    }
  }
  socket.end();
}

function relay(
  upstream: Upstream,
  question: Buffer,
  relayed: Set<UdpSocket>,
  answered: (answer: Buffer) => void,
  left: () => void,
): void {
  const asked = createSocket('udp4');
  relayed.add(asked);
  const done = () => {
    clearTimeout(limit);
    left();
    if (relayed.delete(asked)) asked.close();
  };
  const limit = setTimeout(done, ANSWER_LIMIT_MS);
  asked.once('error', done);
  asked.once('message', (reply) => {
    answered(reply);
    done();
  });
  asked.connect(upstream.port, upstream.address, () => asked.send(question));
}

function relayStream(upstream: Upstream, socket: Socket): void {
  const asked = connect({ host: upstream.address, port: upstream.port });
  asked.setTimeout(ANSWER_LIMIT_MS, () => asked.destroy());
  void Promise.all([pipeline(socket, asked), pipeline(asked, socket)]).catch(() => {
    socket.destroy();
    asked.destroy();
  });
}
