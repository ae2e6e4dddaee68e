/**
 * Numbers of a fixed width split byte by byte: the first plane has the lowest byte of every row, the last the
 * highest. Planes of low bytes are mostly noise and stored unpacked; those of high bytes deflate well. Little endian.
 */
export type Planes = readonly Uint8Array[];

const noBytes = new Uint8Array();

export function splitPlanes(bytes: Uint8Array, width: number): Uint8Array[] {
  const rows = bytes.length / width;
  return Array.from({ length: width }, (_, place) => {
    const plane = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) plane[row] = bytes[row * width + place] ?? 0;
    return plane;
  });
}

export function joinPlanes(planes: Planes, rows: number): Uint8Array<ArrayBuffer> {
  const width = planes.length;
  const bytes = new Uint8Array(rows * width);
  planes.forEach((plane, place) => {
    for (let row = 0; row < rows; row++) bytes[row * width + place] = plane[row] ?? 0;
  });
  return bytes;
}

/** Joins the planes of all rows into doubles: one pass, four bytes at a time. */
export function joinDoubles(planes: Planes, into: Float64Array): void {
  const words = new Int32Array(into.buffer, into.byteOffset, into.length * 2);
  for (let half = 0; half < 2; half++) {
    const [a = noBytes, b = noBytes, c = noBytes, d = noBytes] = planes.slice(half * 4);
    for (let row = 0; row < into.length; row++)
      words[2 * row + half] =
        (a[row] ?? 0) | ((b[row] ?? 0) << 8) | ((c[row] ?? 0) << 16) | ((d[row] ?? 0) << 24);
  }
}

/** The unsigned integers, below 256^width, of all rows. */
export function splitIntegers(values: Float64Array | Uint32Array, width: number): Uint8Array[] {
  let place = 1;
  return Array.from({ length: width }, (_, index) => {
    const plane = new Uint8Array(values.length);
    if (values instanceof Uint32Array) {
      const shift = 8 * index;
      for (let row = 0; row < values.length; row++) plane[row] = (values[row] ?? 0) >>> shift;
      return plane;
    }
    for (let row = 0; row < values.length; row++) plane[row] = Math.floor((values[row] ?? 0) / place) % 256;
    place *= 256;
    return plane;
  });
}

export function joinIntegers<Into extends Float64Array | Uint32Array>(planes: Planes, into: Into): Into {
  const [a = noBytes, b = noBytes, c = noBytes, ...high] = planes;
  if (planes.length === 1) for (let row = 0; row < into.length; row++) into[row] = a[row] ?? 0;
  else if (planes.length === 2)
    for (let row = 0; row < into.length; row++) into[row] = (a[row] ?? 0) | ((b[row] ?? 0) << 8);
  else
    for (let row = 0; row < into.length; row++)
      into[row] = (a[row] ?? 0) | ((b[row] ?? 0) << 8) | ((c[row] ?? 0) << 16);
  let place = 256 ** 3;
  for (const plane of high) {
    for (let row = 0; row < into.length; row++) into[row] = (into[row] ?? 0) + (plane[row] ?? 0) * place;
    place *= 256;
  }
  return into;
}
