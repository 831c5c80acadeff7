const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = Buffer.from([MARKER, 0xd9]);
/** Start of frame: baseline, extended and progressive, all Huffman-coded. */
const PLAIN_FRAMES = [0xc0, 0xc1, 0xc2];
/** Between the starts of frame there are three that are none: Huffman tables, reserved, arithmetic conditioning. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc];

/**
 * The size of a JPEG of three components of 8 bits, from its header.
 *
 * @returns undefined for any other JPEG, and where something before the first scan is not as it is in every usual file
 */
export function plainJpegSize(bytes: Uint8Array): { width: number; height: number } | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let size: { width: number; height: number } | undefined;
  for (let at = 2; at + 4 <= file.length; ) {
    const marker = file[at + 1]!;
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (file[at] !== MARKER || isStandalone(marker) || end > file.length) return undefined;
    if (marker === START_OF_SCAN) return size;
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) {
      const plain =
        PLAIN_FRAMES.includes(marker) && end - at === 19 && file[at + 4] === 8 && file[at + 9] === 3;
      const [height, width] = plain ? [file.readUInt16BE(at + 5), file.readUInt16BE(at + 7)] : [0, 0];
      if (size || height === 0 || width === 0) return undefined;
      size = { width, height };
    }
    at = end;
  }
  return undefined;
}

/**
 * A JPEG cut inside a marker segment, ended before that segment. libjpeg fills in missing scan data by itself, but a
 * segment with its end missing, such as a Huffman table between the scans of a progressive file, is an error to it.
 * (Pillow answers with a black picture there; the scans before the cut are worth more.)
 *
 * @returns undefined if the file does not end inside a segment
 */
export function completeJpeg(bytes: Uint8Array): Uint8Array | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 2;
  while (at + 4 <= file.length) {
    const marker = file[at + 1]!;
    if (file[at] !== MARKER || isStandalone(marker)) {
      at++;
      continue;
    }
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (end > file.length) break;
    at = marker === START_OF_SCAN ? nextMarker(file, end) : end;
  }
  return at < file.length ? Buffer.concat([file.subarray(0, at), END_OF_IMAGE]) : undefined;
}

/** A stuffed zero, fill bytes, restart markers, start and end: bytes after FF that no length follows. */
function isStandalone(marker: number): boolean {
  return marker <= 0x01 || marker === MARKER || (marker >= 0xd0 && marker <= 0xd9);
}

/** Where the entropy-coded data that starts at `at` ends. */
function nextMarker(file: Buffer, at: number): number {
  for (let i = file.indexOf(MARKER, at); i >= 0; i = file.indexOf(MARKER, i + 1)) {
    if (i + 1 >= file.length || !isStandalone(file[i + 1]!) || file[i + 1] === END_OF_IMAGE[1]) return i;
  }
  return file.length;
}
