import { X509Certificate } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type Certificate, makeAuthority, makeCertificate } from './certificate.ts';

const SUBJECT = 'Thaw databases';
const AUTHORITY_DAYS = 3650;
const SERVER_DAYS = 397;
const DAY_MS = 86_400_000;
/** Most certificates that are kept at hand. */
const MOST_KEPT = 1000;

export interface CertificatesOptions {
  /** Where the authority's certificate and key are kept. */
  directory: string;
  /** Names that every client may know the edge by. */
  names: readonly string[];
  clock(): Date;
  random(size: number): Uint8Array;
}

/**
 * The certificates of the Postgres edge: a authority of the server's own, made once, signs one for the edge and, for who
 * asks by a database's host name, one for that database. TLS ends at the edge. They are made when they are asked for.
 */
export class Certificates {
  /** The authority's, as PEM: what clients have to trust for `sslmode=verify-full`. */
  readonly authority: string;
  readonly #options: CertificatesOptions;
  readonly #pair: Certificate;
  readonly #made = new Map<string, { context: SecureContext; until: number }>();

  private constructor(options: CertificatesOptions, pair: Certificate) {
    this.#options = options;
    this.#pair = pair;
    this.authority = pair.cert;
  }

  static async open(options: CertificatesOptions): Promise<Certificates> {
    const [cert, key] = ['postgres-ca.crt', 'postgres-ca.key'].map((name) => join(options.directory, name)) as [
      string,
      string,
    ];
    const known = await Promise.all([readFile(cert, 'utf8'), readFile(key, 'utf8')]).catch(() => undefined);
    if (known !== undefined && isUsable({ cert: known[0], key: known[1] }, options.clock())) {
      return new Certificates(options, { cert: known[0], key: known[1] });
    }
    const { clock, random } = options;
    const made = makeAuthority({ subject: SUBJECT, names: [], days: AUTHORITY_DAYS, now: clock(), random });
    // The key first: a certificate without its key is made anew.
    await put(key, made.key, 0o600);
    await put(cert, made.cert, 0o644);
    return new Certificates(options, made);
  }

  /** @param name the host name of a database, which its own is for; absent: that of the edge */
  of(name: string | undefined): SecureContext {
    const { clock, names, random } = this.#options;
    const now = clock();
    const found = this.#made.get(name ?? '');
    if (found !== undefined && found.until > now.getTime()) return found.context;
    const subject = name ?? names[0] ?? 'localhost';
    const options = { subject: subject.slice(0, 64), names: name === undefined ? names : [name, ...names] };
    const { cert, key } = makeCertificate({ ...options, days: SERVER_DAYS, now, random }, this.#pair, SUBJECT);
    const context = createSecureContext({ cert: cert + this.authority, key, minVersion: 'TLSv1.2' });
    if (this.#made.size >= MOST_KEPT) this.#made.clear();
    this.#made.set(name ?? '', { context, until: now.getTime() + (SERVER_DAYS / 2) * DAY_MS });
    return context;
  }
}

function isUsable({ cert, key }: Certificate, now: Date): boolean {
  try {
    const read = new X509Certificate(cert);
    createSecureContext({ cert, key });
    return new Date(read.validTo).getTime() - now.getTime() > SERVER_DAYS * DAY_MS;
  } catch {
    return false;
  }
}

async function put(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode });
  await rename(`${path}.new`, path);
}
