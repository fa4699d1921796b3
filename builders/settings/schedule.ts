import { Cron } from 'croner';
import { nearest } from './nearest.ts';

export const SCHEDULES =
  'five fields (minute hour day month weekday), six with seconds before them, or one of @hourly, @daily, @weekly, @monthly, @yearly';
export const TIME_ZONES = 'an IANA time zone such as "UTC" or "Europe/Berlin"';

const NICKNAMES = /^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/i;

/** Why a schedule cannot be used, in croner's words where it has some; undefined when it can be. */
export function wrongSchedule(schedule: string): string | undefined {
  const fields = schedule.trim().split(/\s+/);
  // Croner would also take a date, which comes once.
  if (!NICKNAMES.test(schedule) && (fields.length < 5 || fields.length > 6 || schedule.startsWith('@'))) {
    return schedule.startsWith('@') ? 'there is no such nickname' : `it has ${countOf(fields)}`;
  }
  try {
    const cron = new Cron(schedule, { paused: true, mode: '5-or-6-parts', utcOffset: 0 });
    return cron.nextRun() === null ? 'no such moment ever comes' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '').replace(/\.$/, '') : String(error);
  }
}

/** Why a time zone cannot be used; undefined when it can be. */
export function wrongTimeZone(name: string): string | undefined {
  // An offset such as +02:00 knows no summer time, and is not meant.
  if (/^[A-Za-z]/.test(name) && isKnown(name)) return undefined;
  const near = nearest(name, Intl.supportedValuesOf('timeZone'));
  return near === undefined ? 'there is none of that name' : `did you mean ${near}?`;
}

function isKnown(timezone: string): boolean {
  try {
    return new Cron('@hourly', { paused: true, timezone }).nextRun() !== null;
  } catch {
    return false;
  }
}

function countOf(fields: string[]): string {
  const count = fields[0] === '' ? 0 : fields.length;
  return count === 1 ? '1 field' : `${count} fields`;
}
