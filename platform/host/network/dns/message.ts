/*
 * A DNS message (RFC 1035, 4.1), all numbers big-endian:
 *
 *   0  id       2  flags: QR opcode(4) AA TC RD RA Z(3) rcode(4)
 *   4  questions  6  answers  8  authorities  10  additional
 *   12 question: name, type (2), class (2); then records: name, type (2), class (2), ttl (4), length (2), data
 *
 * A name is labels, each after its length, up to an empty one; a length from 192 on begins a pointer to an earlier name.
 */
const HEADER_BYTES = 12;
const CLASS_IN = 1;
const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, CAA: 257 } as const;
export const RCODE = { none: 0, format: 1, failed: 2, noSuchName: 3, notImplemented: 4 } as const;
/** Addresses in one answer; that many fit in 512 bytes behind the longest name. */
const MAX_ADDRESSES = 14;

export interface Question {
  id: number;
  /** In lower case, without a dot at its end. Bytes that no host name has are shown as `?`. */
  name: string;
  type: number;
  /** As it was asked, to be repeated in the answer. */
  bytes: Buffer;
}

export interface Reply {
  rcode: number;
  truncated: boolean;
  /** Of the answer section alone. */
  records: { type: number; ttl: number; data: Buffer }[];
  /** The message up to the end of its answer section. */
  upToAnswers: Buffer;
}

/** The one question of a message that asks; undefined when it is anything else. */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < HEADER_BYTES || (message.readUInt16BE(2) & 0xf800) !== 0 || message.readUInt16BE(4) !== 1)
    return;
  return questionOf(message);
}

/** The question for the addresses of a name. */
export function addressQuestion(name: string): Question {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return { id: 0, name, type: TYPE.A, bytes: Buffer.concat([...labels, Buffer.from([0, 0, TYPE.A, 0, CLASS_IN])]) };
}

/** The question again as a message of our own: nothing else that the guest wrote leaves this host. */
export function askingMessage(id: number, { bytes }: Question): Buffer {
  return Buffer.concat([header(id, RECURSION_DESIRED, 0), bytes]);
}

/** An answer with addresses, or with none. */
export function answerMessage(question: Question, rcode: number, addresses: readonly number[] = [], ttl = 0): Buffer {
  const some = addresses.slice(0, MAX_ADDRESSES);
  const records = some.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc000 | HEADER_BYTES, 0); // the question's name
    record.writeUInt16BE(TYPE.A, 2);
    record.writeUInt16BE(CLASS_IN, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(4, 10);
    record.writeUInt32BE(address, 12);
    return record;
  });
  const flags = RESPONSE | RECURSION_DESIRED | RECURSION_AVAILABLE | rcode;
  return Buffer.concat([header(question.id, flags, some.length), question.bytes, ...records]);
}

/** Says that the answer is too long for a datagram: the guest asks again over TCP. */
export function truncatedMessage(question: Question): Buffer {
  const answer = answerMessage(question, RCODE.none);
  answer.writeUInt16BE(answer.readUInt16BE(2) | TRUNCATED, 2);
  return answer;
}

/** Another resolver's answer under the id of the question, without the sections behind its answers. */
export function relayedMessage(question: Question, { upToAnswers }: Reply): Buffer {
  const message = Buffer.from(upToAnswers);
  message.writeUInt16BE(question.id, 0);
  message.fill(0, 8, HEADER_BYTES);
  return message;
}

/** What answers a message that `askingMessage` made; undefined when it does not belong to it or cannot be read. */
export function readReply(message: Buffer, id: number, asked: Question): Reply | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return;
  const flags = message.readUInt16BE(2);
  if ((flags & RESPONSE) === 0 || message.readUInt16BE(4) !== 1) return;
  const question = questionOf(message);
  if (question === undefined || question.name !== asked.name || question.type !== asked.type) return;
  const records: Reply['records'] = [];
  let at = HEADER_BYTES + question.bytes.length;
  for (let left = message.readUInt16BE(6); left > 0; left -= 1) {
    at = nameEnd(message, at);
    if (at < 0 || at + 10 > message.length) return;
    const end = at + 10 + message.readUInt16BE(at + 8);
    if (end > message.length) return;
    const type = message.readUInt16BE(at);
    if (message.readUInt16BE(at + 2) === CLASS_IN) {
      records.push({ type, ttl: message.readUInt32BE(at + 4), data: message.subarray(at + 10, end) });
    }
    at = end;
  }
  return { rcode: flags & 15, truncated: (flags & TRUNCATED) !== 0, records, upToAnswers: message.subarray(0, at) };
}

function header(id: number, flags: number, answers: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answers, 6);
  return bytes;
}

function questionOf(message: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - HEADER_BYTES > 254) return;
    at += 1;
    if (length === 0) break;
    labels.push(
      message
        .toString('latin1', at, at + length)
        .replace(/[^\w-]/g, '?')
        .toLowerCase(),
    );
    at += length;
  }
  if (at + 4 > message.length || message.readUInt16BE(at + 2) !== CLASS_IN) return;
  const bytes = message.subarray(HEADER_BYTES, at + 4);
  return { id: message.readUInt16BE(0), name: labels.join('.'), type: message.readUInt16BE(at), bytes };
}

/** Where the name at `at` ends; -1 when it runs out of the message. */
function nameEnd(message: Buffer, at: number): number {
  for (let here = at; ; ) {
    const length = message[here];
    if (length === undefined) return -1;
    if (length >= 192) return here + 2;
    if (length > 63) return -1;
    if (length === 0) return here + 1;
    here += length + 1;
  }
}
