import { InvalidArgumentError } from 'commander';

const MIB_PER_UNIT: Record<string, number> = { m: 1, g: 1024, t: 1024 * 1024 };

/** A size as people write it, in MiB: `512MB`, `10GB`, or a number of MiB. */
export function mebibytes(text: string): number {
  const [, number, unit = 'm'] = /^(\d{1,9}(?:\.\d{1,3})?)\s*(?:([mgt])i?b?)?$/i.exec(text.trim()) ?? [];
  const size = Number(number) * (MIB_PER_UNIT[unit.toLowerCase()] ?? 1);
  if (Number.isInteger(size) && size > 0) return size;
  throw new InvalidArgumentError('Write 512MB, 10GB, or a whole number of MiB.');
}

/** MiB as people read it. */
export function shownSize(mib: number): string {
  return mib >= 10_240 ? `${(mib / 1024).toFixed(mib % 1024 === 0 ? 0 : 1)} GiB` : `${mib} MiB`;
}
