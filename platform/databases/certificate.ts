import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { bits, identifier, integer, octets, sequence, set, tagged, time, truth, utf8 } from './der.ts';

const DAY_MS = 86_400_000;
/** Clients whose clock is behind take it too. */
const SKEW_MS = DAY_MS;
const ECDSA_SHA256 = sequence(identifier('1.2.840.10045.4.3.2'));
/** Tags of the names of a subject: RFC 5280, 4.2.1.6. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** A certificate and its key, as PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export interface CertificateOptions {
  /** Common name. */
  subject: string;
  /** DNS names and IPv4 addresses that it is for; none for an authority. */
  names: readonly string[];
  days: number;
  now: Date;
  random(size: number): Uint8Array;
}

/** An authority that signs others, by itself. Keys are of the curve P-256. */
export function makeAuthority(options: CertificateOptions): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = commonName(options.subject);
  return encode(options, {
    publicKey,
    privateKey,
    issuer: name,
    signer: privateKey,
    signerPublic: publicKey,
    isAuthority: true,
  });
}

/** A server's certificate, signed by an authority. */
export function makeCertificate(options: CertificateOptions, authority: Certificate, issuer: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return encode(options, {
    publicKey,
    privateKey,
    issuer: commonName(issuer),
    signer: authority.key,
    signerPublic: createPublicKey(authority.key),
    isAuthority: false,
  });
}

interface Keys {
  publicKey: KeyObject;
  privateKey: KeyObject;
  issuer: Buffer;
  signer: KeyObject | string;
  signerPublic: KeyObject;
  isAuthority: boolean;
}

/** https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
function encode({ subject, names, days, now, random }: CertificateOptions, keys: Keys): Certificate {
  const serial = Buffer.from(random(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and without a leading zero
  const subjectKey = keys.publicKey.export({ type: 'spki', format: 'der' });
  const usage = keys.isAuthority ? [bits(Buffer.from([0x06]))] : [bits(Buffer.from([0x80]))];
  const extensions = [
    extension('2.5.29.19', sequence(...(keys.isAuthority ? [truth(true)] : [])), true),
    extension('2.5.29.15', usage[0] ?? Buffer.alloc(0), true),
    extension('2.5.29.14', octets(keyId(keys.publicKey))),
    extension('2.5.29.35', sequence(tagged(0x80, keyId(keys.signerPublic)))),
  ];
  if (!keys.isAuthority) extensions.push(extension('2.5.29.37', sequence(identifier('1.3.6.1.5.5.7.3.1'))));
  if (names.length > 0) extensions.push(extension('2.5.29.17', sequence(...names.map(alternative))));
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    keys.issuer,
    sequence(time(new Date(now.getTime() - SKEW_MS)), time(new Date(now.getTime() + days * DAY_MS))),
    commonName(subject),
    subjectKey,
    tagged(0xa3, sequence(...extensions)),
  );
  const whole = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, keys.signer)));
  const lines = whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(identifier(id), ...(critical ? [truth(true)] : []), octets(value));
}

function commonName(text: string): Buffer {
  return sequence(set(sequence(identifier('2.5.4.3'), utf8(text))));
}

function alternative(name: string): Buffer {
  if (isIPv4(name)) return tagged(IP_ADDRESS, Buffer.from(name.split('.').map(Number)));
  return tagged(DNS_NAME, Buffer.from(name));
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}
