import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ThawError } from '../../platform/errors.ts';
import { LZ4_LEGACY_MAGIC, unpackLz4Legacy } from './lz4.ts';

const ELF_MAGIC = 0x464c457f;
const GZIP_MAGIC = 0x8b1f;
const ZSTD_MAGIC = 0xfd2fb528;

/**
 * Takes the ELF kernel out of a bzImage, as a VMM boots it directly (PVH).
 *
 * The header says where it is (Documentation/x86/boot.rst, boot protocol 2.08 and newer):
 *
 *   0x1f1 u8  setup_sects     512-byte sectors before the protected-mode part, less one
 *   0x202 "HdrS"
 *   0x206 u16 version
 *   0x248 u32 payload_offset  from the protected-mode part
 *   0x24c u32 payload_length  the last 4 bytes of the payload are its unpacked size
 *
 * @throws ThawError `misconfigured` when the image is something else or is packed in a format not known here
 */
export function extractVmlinux(bzImage: Buffer): Buffer {
  if (bzImage.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    // Linux puts "MZ" or its boot sector first; without this mark it is no x86 kernel at all.
    throw new ThawError('misconfigured', 'The kernel image is not an x86 bzImage.');
  }
  const protectedMode = (bzImage.readUInt8(0x1f1) + 1) * 512;
  const start = protectedMode + bzImage.readUInt32LE(0x248);
  const end = start + bzImage.readUInt32LE(0x24c);
  const payload = bzImage.subarray(start, end - 4);
  const size = bzImage.readUInt32LE(end - 4);

  const vmlinux = unpack(payload, size);
  if (vmlinux.readUInt32LE(0) !== ELF_MAGIC) {
    throw new ThawError('misconfigured', 'What the kernel image holds is not an ELF file.');
  }
  return vmlinux;
}

function unpack(payload: Buffer, size: number): Buffer {
  const magic = payload.readUInt32LE(0);
  if (magic === ELF_MAGIC) return payload;
  if (magic === LZ4_LEGACY_MAGIC) return unpackLz4Legacy(payload, size);
  if (magic === ZSTD_MAGIC) return zstdDecompressSync(payload);
  if ((magic & 0xffff) === GZIP_MAGIC) return gunzipSync(payload);
  throw new ThawError('misconfigured', `The kernel is packed in an unknown format (0x${magic.toString(16)}).`, {
    hint: 'Known are LZ4, gzip and zstd, which Debian and Ubuntu use.',
  });
}
