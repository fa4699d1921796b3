import { ThawError } from '../../../errors.ts';

/** What a store answered that was not what was asked for, or why it did not answer. */
interface Answer {
  /** HTTP status; 0 = there was no answer. */
  status: number;
  /** S3's own name of the error, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, or that of the network's. */
  code: string;
}

const SERVER_ERROR = 500;
const TOO_MANY = 429;
const PASSING = new Set(['SlowDown', 'RequestTimeout', 'InternalError', 'ServiceUnavailable', 'OperationAborted']);
const WRONG_KEY = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'ExpiredToken']);
const ELSEWHERE = new Set(['PermanentRedirect', 'TemporaryRedirect', 'AuthorizationHeaderMalformed']);

/**
 * The error for a request that a store did not answer as it should.
 *
 * @param asked what was asked of which bucket, and what was said, for the log
 */
export function refusal({ status, code }: Answer, asked: string, cause?: unknown): ThawError {
  const [kind, what, hint] = told(status, code);
  const seen = Object.assign(new Error(`${asked}: ${status} ${code}`, { cause }), { answer: { status, code } });
  return new ThawError(kind, what, { hint, cause: seen });
}

/** Whether asking again in a moment may help. */
export function isPassing(error: unknown): boolean {
  const answer = answerOf(error);
  if (answer === undefined) return false;
  return answer.status === 0 || answer.status >= SERVER_ERROR || answer.status === TOO_MANY || PASSING.has(answer.code);
}

function answerOf(error: unknown): Answer | undefined {
  if (!(error instanceof ThawError) || !(error.cause instanceof Error)) return undefined;
  return 'answer' in error.cause ? (error.cause.answer as Answer) : undefined;
}

function told(status: number, code: string): ['misconfigured' | 'unavailable' | 'not_found', string, string] {
  if (status === 0) {
    return [
      'unavailable',
      `The store of backups cannot be reached (${code}).`,
      'Its operator looks at AWS_ENDPOINT_URL, the network and the store; it is tried again.',
    ];
  }
  if (code === 'NoSuchKey') {
    return ['not_found', 'A file of the backups is not there.', 'Make a new backup: `thaw db backups --now`.'];
  }
  if (code === 'NoSuchBucket' || status === 404) {
    return [
      'misconfigured',
      'The bucket for backups does not exist.',
      'Its operator makes it, or corrects THAW_BACKUPS.',
    ];
  }
  if (ELSEWHERE.has(code) || (status >= 300 && status < 400)) {
    return [
      'misconfigured',
      `The bucket for backups is in another region or at another address (${code}).`,
      'Its operator corrects AWS_REGION or AWS_ENDPOINT_URL.',
    ];
  }
  if (WRONG_KEY.has(code)) {
    return [
      'misconfigured',
      `The store of backups does not take the key (${code}).`,
      'Its operator corrects AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    ];
  }
  if (code === 'RequestTimeTooSkewed') {
    return ['misconfigured', 'The clock of this machine differs from that of the store of backups.', 'Set the clock.'];
  }
  if (status === 403 || status === 401) {
    return [
      'misconfigured',
      `The key for the store of backups is not allowed to do this (${code}).`,
      'It has to be allowed to list the bucket and to get, put and delete its objects.',
    ];
  }
  return ['unavailable', `The store of backups refused a request (${status} ${code}).`, 'The server log has more.'];
}
