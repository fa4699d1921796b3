/** One entry of an initramfs. */
export interface CpioEntry {
  /** Without a leading slash. */
  path: string;
  /** File type and permission bits, e.g. 0o100755. */
  mode: number;
  data?: Buffer;
  /** Device numbers, of a character or block device. */
  device?: { major: number; minor: number };
}

/**
 * Packs entries in the "newc" form that the kernel reads
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Each entry is
 *
 *   "070701" | 13 fields of 8 hex digits | name, NUL | pad to 4 | data | pad to 4
 *
 * Parents come before children. Owner is root and time 0, so that equal entries
 * give equal bytes.
 */
export function packCpio(entries: CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    parts.push(...packEntry(entry, index + 1));
  });
  parts.push(...packEntry({ path: 'TRAILER!!!', mode: 0 }, 0));
  return Buffer.concat(parts);
}

function packEntry({ path, mode, data = Buffer.alloc(0), device }: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    inode,
    mode,
    0, // uid
    0, // gid
    1, // links
    0, // mtime
    data.length,
    0, // device the file is on
    0,
    device?.major ?? 0,
    device?.minor ?? 0,
    name.length,
    0, // checksum, unused in this form
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), data, padding(data.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
