import { inflateSync } from 'node:zlib';

/** A decoded PNG: eight bits for each of red, green, blue and alpha. */
export interface Picture {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** Reads what resvg writes: RGBA of eight bits, not interlaced (PNG specification, sections 9 and 11). */
export function decodePng(png: Buffer): Picture {
  const signature = '89504e470d0a1a0a';
  if (png.toString('hex', 0, 8) !== signature) throw new Error('not a PNG');
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const format = png.toString('hex', 24, 29);
  if (format !== '0806000000') throw new Error(`a format that is not read here: ${format}`);
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const lines = inflateSync(Buffer.concat(parts));
  const stride = 4 * width;
  const pixels = new Uint8Array(stride * height);
  for (let row = 0; row < height; row++) {
    const filter = lines[row * (stride + 1)] ?? 0;
    for (let column = 0; column < stride; column++) {
      const at = row * stride + column;
      const left = column >= 4 ? (pixels[at - 4] ?? 0) : 0;
      const up = row > 0 ? (pixels[at - stride] ?? 0) : 0;
      const corner = column >= 4 && row > 0 ? (pixels[at - stride - 4] ?? 0) : 0;
      const raw = lines[row * (stride + 1) + 1 + column] ?? 0;
      pixels[at] = raw + predictByte(filter, left, up, corner);
    }
  }
  return { width, height, pixels };
}

function predictByte(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const estimate = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((byte) => Math.abs(estimate - byte));
  if (Number(toLeft) <= Number(toUp) && Number(toLeft) <= Number(toCorner)) return left;
  return Number(toUp) <= Number(toCorner) ? up : corner;
}

/** How many pixels are different in two pictures of the same size. */
export function differingPixels(one: Picture, other: Picture): number {
  if (one.width !== other.width || one.height !== other.height)
    throw new Error('pictures of different sizes');
  let differing = 0;
  for (let at = 0; at < one.pixels.length; at += 4) {
    const same = [0, 1, 2].every((channel) => one.pixels[at + channel] === other.pixels[at + channel]);
    if (!same) differing++;
  }
  return differing;
}
