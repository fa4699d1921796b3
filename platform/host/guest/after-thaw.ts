import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { ThawError } from '../../errors.ts';
import { AGENT_PORTS } from './ports.ts';

/*
 * The one call after every thaw. One line each way, then we close:
 *
 *   us    -> thaw <ns since epoch> <entropy, 128 hex> <host name> <machine id, 32 hex> <boot id, uuid> <tasks max>\n
 *   agent -> ok\n   or   error <step> <message>\n
 *
 * A bare line instead of HTTP: under emulation every instruction that runs for
 * the first time after a thaw is translated first, so less code is less time.
 */

/** Longest the whole call may take. */
const LIMIT_MS = 8_000;
/**
 * A first SYN can be lost while the guest's network card wakes; the kernel would repeat it after a second. Doubled each
 * time: a guest that only is slow must not be kept busy with connections that nobody waits for.
 */
const CONNECT_RETRY_MS = 200;
const REFUSED_RETRY_MS = 5;

/** The connection is closed when the first request is over: closing it costs the guest as much as answering did. */
const CLOSE_AFTER_MS = 1_000;

export interface Identity {
  hostname: string;
  /** 32 hex digits. */
  machineId: string;
  /** A UUID. */
  bootId: string;
  /** Most processes of user code, 0 = as the template has it. */
  tasksMax: number;
}

/** An identity that no other VM has. */
export function newIdentity(): Pick<Identity, 'machineId' | 'bootId'> {
  return { machineId: randomBytes(16).toString('hex'), bootId: randomUUID() };
}

/**
 * Gives a thawed clone its own time, entropy and identity, and lets the runtime
 * inside renew what it keeps in user space.
 *
 * @throws ThawError `thaw_failed` when any step failed: the clone must not be used
 */
export async function afterThaw(address: string, identity: Identity, signal?: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  for (let patienceMs = CONNECT_RETRY_MS; ; patienceMs *= 2) {
    const answer = await call(address, identity, patienceMs, both);
    if (answer === undefined) continue; // not connected yet
    if (answer === 'ok') return;
    throw new ThawError('thaw_failed', 'The thawed VM could not be given an identity of its own.', {
      cause: new Error(answer),
    });
  }
}

function call(
  address: string,
  identity: Identity,
  patienceMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: AGENT_PORTS.thaw, noDelay: true });
    const retry = setTimeout(() => finish(() => resolve(undefined)), patienceMs);
    let text = '';
    const finish = (settle: () => void, closeAfterMs = 0) => {
      clearTimeout(retry);
      signal.removeEventListener('abort', onAbort);
      if (closeAfterMs === 0) socket.destroy();
      else setTimeout(() => socket.destroy(), closeAfterMs).unref();
      settle();
    };
    const onAbort = () =>
      finish(() =>
        reject(new ThawError('thaw_failed', 'The thawed VM did not answer in time.', { cause: signal.reason })),
      );
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    socket.setEncoding('latin1');
    socket.once('connect', () => {
      clearTimeout(retry);
      // The clock is read as late as can be.
      socket.write(requestLine(identity));
    });
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) finish(() => resolve(text.slice(0, end)), CLOSE_AFTER_MS);
    });
    socket.once('error', () => {}); // its 'close' follows
    socket.once('close', () => setTimeout(() => finish(() => resolve(undefined)), REFUSED_RETRY_MS));
  });
}

function requestLine(identity: Identity): string {
  const nanoseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  const fields = [
    'thaw',
    nanoseconds,
    randomBytes(64).toString('hex'),
    identity.hostname,
    identity.machineId,
    identity.bootId,
    identity.tasksMax,
  ];
  return `${fields.join(' ')}\n`;
}
