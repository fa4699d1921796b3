import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/**
 * What Node keeps in memory of randomness would be the same in every clone of a frozen VM. What can be read afresh each time is
 * (UUIDs, `randomInt`), `Math.random` gets a generator that can be seeded again, and large buffers that were filled with random
 * bytes are filled again: libraries (nanoid, uuid) deal out such a buffer piece by piece.
 *
 * Not covered, because nothing outside V8 can reach it: `Math.random` of worker threads and `node:vm` contexts that were
 * already there when the VM was frozen.
 */

/** Buffers of this many bytes are a library's store, not one key or token. */
const LEAST_STORE = 128;
const MOST_STORE = 65_536;
/** Stores that are remembered. */
const MOST_STORES = 64;
/** Rounds after which V8 has seen enough of the renewal to take its short ways through it. */
const REHEARSALS = 20;
/** Node's own limit: `randomInt` draws 48 bits. */
const DRAWN = 2 ** 48;

const { randomBytes, randomFillSync, randomInt, randomUUID } = crypto;
const stores: WeakRef<NodeJS.ArrayBufferView>[] = [];

/** See runtime-images/agent/page.go. Outside a guest nothing ever writes it. */
let page: Uint32Array = new Uint32Array(10);
/** The count of thaws that this process was renewed for. */
let thaws = 0;

/** State of sfc32, by Chris Doty-Humphrey (PractRand): 96 bits and a counter. */
let a = 0;
let b = 0;
let c = 0;
let counter = 1;

function sfc32(): number {
  const sum = (((a + b) | 0) + counter) | 0;
  counter = (counter + 1) | 0;
  a = b ^ (b >>> 9);
  b = (c + (c << 3)) | 0;
  c = (((c << 21) | (c >>> 11)) + sum) | 0;
  return sum >>> 0;
}

/** 53 random bits, as many as a double in [0, 1) can show. */
function random(): number {
  renewIfThawed();
  return ((sfc32() >>> 5) * 67_108_864 + (sfc32() >>> 6)) / 9_007_199_254_740_992;
}

function seed(one: number, two: number, three: number, four: number): void {
  a = one | 0;
  b = two | 0;
  c = three | 0;
  counter = four | 0;
  // The author's number of rounds after which a seed has spread over the whole state.
  for (let round = 0; round < 12; round++) sfc32();
}

function remember(view: NodeJS.ArrayBufferView): void {
  if (view.byteLength < LEAST_STORE || view.byteLength > MOST_STORE || stores.length >= MOST_STORES) return;
  if (!stores.some((store) => store.deref() === view)) stores.push(new WeakRef(view));
}

/** `crypto.randomInt` without the 6 KiB that Node draws ahead. */
function freshRandomInt(low: number, high?: unknown, callback?: (error: undefined, value: number) => void) {
  const withMin = typeof high === 'number';
  const min = withMin ? low : 0;
  const max = withMin ? high : low;
  const done = withMin ? callback : (high as typeof callback);
  randomInt(min, max); // Refuses bad arguments in Node's own words.
  if (done !== undefined && typeof done !== 'function') randomInt(min, max, done);
  const range = max - min;
  const fair = DRAWN - (DRAWN % range);
  let drawn = fair;
  while (drawn >= fair) drawn = randomBytes(6).readUIntBE(0, 6);
  const value = (drawn % range) + min;
  if (done === undefined) return value;
  process.nextTick(done, undefined, value);
  return undefined;
}

/**
 * Puts the renewable parts in the place of Node's. Before any other code is loaded.
 *
 * @param watched the page that the agent writes at each thaw
 */
export function install(watched: Uint32Array | undefined): void {
  if (watched !== undefined) page = watched;
  for (let round = 0; round < REHEARSALS; round++) renewFromPage();
  renewRandom(randomBytes(16).toString('hex'));
  Math.random = random;
  const fresh = {
    randomUUID: () => randomUUID({ disableEntropyCache: true }),
    randomInt: freshRandomInt,
    randomFillSync(view: NodeJS.ArrayBufferView, ...rest: number[]) {
      const filled = randomFillSync(view, ...rest);
      remember(view);
      return filled;
    },
  };
  Object.assign(crypto, fresh);
  syncBuiltinESMExports();

  const web = Object.getPrototypeOf(crypto.webcrypto) as Crypto;
  const { getRandomValues } = web;
  web.randomUUID = fresh.randomUUID as Crypto['randomUUID'];
  web.getRandomValues = function (this: Crypto, view: NodeJS.TypedArray<ArrayBuffer>) {
    const filled = getRandomValues.call(this, view as Uint8Array<ArrayBuffer>);
    remember(view);
    return filled;
  } as Crypto['getRandomValues'];
}

/**
 * Makes this process's randomness its own, if the VM was thawed since the last time. One look at memory when it was not.
 * Before every request, and before every `Math.random`: a timer may be earlier than the first request.
 */
export function renewIfThawed(): void {
  if (page[0] !== thaws) renewFromPage();
}

function renewFromPage(): void {
  thaws = page[0] as number;
  seed(page[2] as number, page[3] as number, page[4] as number, page[5] as number);
  refill();
}

/**
 * Makes this process's randomness its own.
 *
 * @param entropy at least 32 hex digits that no other clone was given
 */
export function renewRandom(entropy: string): void {
  thaws = page[0] as number;
  const word = (at: number) => Number.parseInt(entropy.slice(at, at + 8), 16);
  seed(word(0), word(8), word(16), word(24));
  refill();
}

function refill(): void {
  for (const store of stores) {
    const view = store.deref();
    if (view !== undefined) randomFillSync(view);
  }
}
