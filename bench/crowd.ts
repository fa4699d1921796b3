import { expectAnswer } from './expect.ts';
import { spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { createRepository, helloFrom } from './repository.ts';
import { type Answer, get } from './request.ts';
import { startServer } from './server.ts';

const REQUESTS = 50;

/** Many cold requests at once: to as many functions, then all to one. */
export async function crowd({ rounds: functions = 20, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  await using repository = await createRepository();
  const names = Array.from({ length: functions }, (_, at) => `f${at}`);
  for (const name of names) {
    await repository.commit(helloFrom(name));
    progress(`crowd: pushed ${name} in ${(await repository.push(server.remote(name))).toFixed(0)} ms`);
  }
  await server.asleep();
  const each = await Promise.allSettled(names.map((name) => get(server.at(name))));
  const wrong = each.filter((outcome, at) => !isRight(outcome, `${names[at]} on i`));
  const times = each.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.ms] : []));

  await server.asleep();
  const [one = ''] = names;
  const many = await Promise.allSettled(Array.from({ length: REQUESTS }, () => get(server.at(one))));
  const wrongOfOne = many.filter((outcome) => !isRight(outcome, `${one} on i`));
  const hosts = new Set(many.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.body : '')));
  const waited = many.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.ms] : []));
  const part = 'crowd';
  return {
    figures: [
      { part, name: `${functions} functions at once: wrong or missing`, value: wrong.length, unit: '', atMost: 0 },
      { part, name: '  p50', value: spread(times).p50, unit: 'ms' },
      { part, name: '  last', value: spread(times).max, unit: 'ms' },
      { part, name: `${REQUESTS} at once to one: wrong or missing`, value: wrongOfOne.length, unit: '', atMost: 0 },
      { part, name: '  VMs thawed', value: hosts.size, unit: '', atMost: 1 },
      { part, name: '  p50', value: spread(waited).p50, unit: 'ms' },
      { part, name: '  last', value: spread(waited).max, unit: 'ms' },
    ],
    samples: { each: times, one: waited, wrong: [...wrong, ...wrongOfOne].map(described) },
  };
}

function isRight(outcome: PromiseSettledResult<Answer>, text: string): boolean {
  if (outcome.status === 'rejected') return false;
  try {
    expectAnswer(outcome.value, text, 'cold');
    return true;
  } catch {
    return false;
  }
}

function described(outcome: PromiseSettledResult<Answer>): unknown {
  return outcome.status === 'rejected' ? String(outcome.reason) : { ...outcome.value };
}
