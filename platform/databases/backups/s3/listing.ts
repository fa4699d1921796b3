import { ThawError } from '../../../errors.ts';

/** A page of what a bucket has. */
export interface Page {
  files: { key: string; bytes: number }[];
  /** What to ask for the next page with; absent on the last. */
  next?: string;
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/**
 * Reads the answer to ListObjectsV2, https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html. Its elements have text
 * alone in them and no attributes, but for the outermost one.
 */
export function readPage(xml: string): Page {
  if (!/<ListBucketResult[\s>]/.test(xml)) {
    throw new ThawError('misconfigured', 'The store of backups does not answer as S3 does.', {
      hint: 'Its operator corrects AWS_ENDPOINT_URL.',
      cause: new Error(xml.slice(0, 1000)),
    });
  }
  const files = Array.from(xml.matchAll(/<Contents>(.*?)<\/Contents>/gs), ([, entry = '']) => ({
    key: text(entry, 'Key'),
    bytes: Number(text(entry, 'Size')),
  }));
  if (text(xml, 'IsTruncated') !== 'true') return { files };
  return { files, next: text(xml, 'NextContinuationToken') };
}

function text(xml: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
  return found.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, named) => {
    if (named !== undefined) return ENTITIES[named] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}
