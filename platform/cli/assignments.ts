import { ThawApiError } from '../sdk/index.ts';

/** Gathers an option that may be repeated. */
export function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

/** `name=value` texts as an object. @throws ThawApiError without the text, which may be a secret */
export function assignments(option: string, texts: string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=');
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new ThawApiError('invalid_input', `What ${option} takes is written name=value.`);
    }),
  );
}
