/**
 * The LZ4 "legacy" frame, in which Linux packs a kernel (`lz4 -l`):
 *
 *   magic 0x184c2102 | { u32 packed length | LZ4 block of at most 8 MiB unpacked }*
 *
 * Source: lz4_Frame_format.md ("Legacy frame") and lz4_Block_format.md of the LZ4 project.
 */
export const LZ4_LEGACY_MAGIC = 0x184c2102;

/**
 * Unpacks a legacy frame.
 *
 * @param packed the frame from its magic on; whatever follows the last block is ignored
 * @param size bytes that come out
 * @throws RangeError when the data is not a whole frame
 */
export function unpackLz4Legacy(packed: Buffer, size: number): Buffer {
  const out = Buffer.allocUnsafe(size);
  let at = 4;
  let written = 0;
  while (written < size) {
    const end = at + 4 + packed.readUInt32LE(at);
    if (end > packed.length) throw new RangeError('LZ4 block runs past the end');
    written = unpackBlock(packed, at + 4, end, out, written);
    at = end;
  }
  return out;
}

/** One block is a run of sequences: token, literals, 2-byte distance, match. The last one ends after its literals. */
function unpackBlock(packed: Buffer, start: number, end: number, out: Buffer, from: number): number {
  let at = start;
  let to = from;
  const extend = (length: number): number => {
    let total = length;
    if (length < 15) return total;
    let more: number;
    do {
      more = packed.readUInt8(at++);
      total += more;
    } while (more === 255);
    return total;
  };
  while (at < end) {
    const token = packed.readUInt8(at++);
    const literals = extend(token >> 4);
    if (to + literals > out.length) throw new RangeError('LZ4 data is longer than its size');
    packed.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    if (at >= end) break;

    const distance = packed.readUInt16LE(at);
    at += 2;
    const match = extend(token & 15) + 4;
    if (distance === 0 || distance > to) throw new RangeError('LZ4 match begins before the data');
    if (to + match > out.length) throw new RangeError('LZ4 data is longer than its size');
    // A match may overlap what it writes (that is how runs are packed), so only a far one can be copied at once.
    if (distance >= match) out.copyWithin(to, to - distance, to - distance + match);
    else for (let i = 0; i < match; i++) out[to + i] = out[to + i - distance] as number;
    to += match;
  }
  return to;
}
