import { ThawError } from '../platform/errors.ts';
import type { Route } from './parts.ts';

/** Buckets above which the full ones are thrown away: they say no more than a new one would. */
const SWEEP_AT = 1024;

interface Bucket {
  tokens: number;
  /** When `tokens` was true, on the edge's clock. */
  at: number;
  requestsPerSecond: number;
  burst: number;
}

/**
 * Requests per second of each project, as a token bucket: it holds `burst`
 * requests and fills up again at the rate that is allowed. Without timers.
 */
export class RequestRate {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;
  #sweepAt = SWEEP_AT;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Counts a request.
   *
   * @throws ThawError `quota_exceeded` when its project has had more than it may
   */
  count({ project, rateLimit }: Pick<Route, 'project' | 'rateLimit'>): void {
    if (rateLimit === undefined) return;
    const bucket = this.#bucket(project, rateLimit.burst);
    bucket.requestsPerSecond = rateLimit.requestsPerSecond;
    bucket.burst = rateLimit.burst;
    fill(bucket, this.#now());
    if (bucket.tokens < 1) {
      throw new ThawError(
        'quota_exceeded',
        `The project has had its ${rateLimit.requestsPerSecond} requests a second.`,
        {
          hint: 'Send fewer, or ask the operator for more.',
          limit: 'requests-per-second',
          retryAfterMs: ((1 - bucket.tokens) / rateLimit.requestsPerSecond) * 1000,
        },
      );
    }
    bucket.tokens -= 1;
  }

  #bucket(project: string, burst: number): Bucket {
    const known = this.#buckets.get(project);
    if (known !== undefined) return known;
    if (this.#buckets.size >= this.#sweepAt) this.#sweep();
    const fresh = { tokens: burst, at: this.#now(), requestsPerSecond: 0, burst };
    this.#buckets.set(project, fresh);
    return fresh;
  }

  #sweep(): void {
    const now = this.#now();
    for (const [project, bucket] of this.#buckets) {
      fill(bucket, now);
      if (bucket.tokens >= bucket.burst) this.#buckets.delete(project);
    }
    this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#buckets.size);
  }
}

function fill(bucket: Bucket, now: number): void {
  const gained = ((now - bucket.at) / 1000) * bucket.requestsPerSecond;
  bucket.tokens = Math.min(bucket.burst, bucket.tokens + gained);
  bucket.at = now;
}
