/** Scale of the intermediate matrices, kept apart as an exponent of two. */
const scaleBits = 128;
const large = 2 ** scaleBits;

/**
 * P(Dn < d) of the two-sided one-sample Kolmogorov-Smirnov statistic, exactly, by Durbin's matrix in the form
 * of Marsaglia, Tsang & Wang (2003), "Evaluating Kolmogorov's distribution": n!/nⁿ times the middle element
 * of Hⁿ, H of size 2⌈nd⌉ − 1. No entry is negative, so nothing cancels. O((nd)³ log n): for small n·d.
 *
 * @param n sample size
 * @param d 1/(2n) < d < 1
 */
export function durbinProbability(n: number, d: number): number {
  const k = Math.ceil(n * d);
  const size = 2 * k - 1;
  let square = durbinMatrix(size, k - n * d);
  let squareBits = 0;
  let power: Float64Array | undefined;
  let powerBits = 0;
  const middle = (k - 1) * size + (k - 1);

  for (let exponent = n; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) {
      power = power === undefined ? square : multiply(power, square, size);
      powerBits += squareBits;
    }
    square = multiply(square, square, size);
    squareBits *= 2;
    if ((square[middle] ?? 0) > large) {
      square = square.map((entry) => entry / large);
      squareBits += scaleBits;
    }
  }

  let probability = power?.[middle] ?? 0;
  for (let i = 1; i <= n; i++) {
    probability *= i / n;
    if (probability < 1 / large) {
      probability *= large;
      powerBits -= scaleBits;
    }
  }
  return probability * 2 ** powerBits;
}

/** H of Marsaglia, Tsang & Wang, row by row; `h` = ⌈nd⌉ − nd. */
function durbinMatrix(size: number, h: number): Float64Array {
  const inverseFactorial = new Float64Array(size + 2);
  inverseFactorial[0] = 1;
  for (let i = 1; i < inverseFactorial.length; i++) inverseFactorial[i] = (inverseFactorial[i - 1] ?? 0) / i;

  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= Math.min(row + 1, size - 1); column++) {
      matrix[row * size + column] = inverseFactorial[row - column + 1] ?? 0;
    }
  }
  for (let i = 0; i < size; i++) {
    const border = (1 - h ** (i + 1)) * (inverseFactorial[i + 1] ?? 0);
    matrix[i * size] = border;
    matrix[(size - 1) * size + (size - 1 - i)] = border;
  }
  const corner = 1 - 2 * h ** size + Math.max(0, 2 * h - 1) ** size;
  matrix[(size - 1) * size] = corner * (inverseFactorial[size] ?? 0);
  return matrix;
}

function multiply(left: Float64Array, right: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < size; inner++) {
      const factor = left[row * size + inner] ?? 0;
      if (factor === 0) continue;
      for (let column = 0; column < size; column++) {
        const at = row * size + column;
        product[at] = (product[at] ?? 0) + factor * (right[inner * size + column] ?? 0);
      }
    }
  }
  return product;
}
