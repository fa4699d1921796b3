import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * The certificates of a bundle that Node does not trust by itself. Node in the builder reads only these: reading the
 * whole bundle of a distribution takes it seconds without hardware virtualization.
 *
 * @param bundle PEM
 */
export function extraCertificates(bundle: string): string {
  const own = new Set(rootCertificates.map(fingerprint));
  return (bundle.match(PEM) ?? []).filter((pem) => !own.has(fingerprint(pem))).join('\n');
}

/** Undefined for what is no certificate; OpenSSL in the builder will say so. */
function fingerprint(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return undefined;
  }
}
