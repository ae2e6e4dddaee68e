import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** Random numbers are drawn many at a time: drawing some for each id would take longer than making it. */
const drawn = new Uint32Array(1024);
let used = drawn.length;

const generator = new V7Generator({
  nextUint32() {
    if (used === drawn.length) {
      randomFillSync(drawn);
      used = 0;
    }
    return drawn[used++] ?? 0;
  },
});

/** A new id of a prediction: a UUID of version 7, later ones of this process greater than earlier ones. */
export function newPredictionId(): string {
  return generator.generate().toString();
}
