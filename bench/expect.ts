import { ThawError } from '../platform/errors.ts';
import type { Answer } from './request.ts';

/** @throws ThawError when an answer is not the right one: a wrong answer has no speed */
export function expectAnswer({ status, body, headers }: Answer, text: string, start?: 'cold' | 'warm'): void {
  const how = headers['x-thaw-start'];
  if (status !== 200 || !body.startsWith(text) || (start !== undefined && how !== start)) {
    throw new ThawError('app_crashed', `Expected a ${start ?? ''} answer "${text}", got ${how} ${status}: ${body}`);
  }
}
