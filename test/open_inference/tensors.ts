import fc, { type Arbitrary } from 'fast-check';
import { datatypes } from '../../src/registry/datatypes.ts';
import { elementCount, type Tensor, datatype as typeOf } from '../../src/tensors/datatypes.ts';

/** Tensors of every datatype and any bits: NaN with any payload, infinities, both zeros, every 64-bit integer, any text. */
const anyTensor: Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...datatypes), fc.array(fc.nat(3), { maxLength: 3 }))
  .chain(([datatype, shape]): Arbitrary<Tensor> => {
    const length = elementCount(shape);
    const type = typeOf(datatype);
    if (type.kind === 'string')
      return fc
        .array(
          fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
          { minLength: length, maxLength: length },
        )
        .map((data) => ({ datatype, shape, data }));
    const bytes = length * type.bytes;
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes, max: type.kind === 'boolean' ? 1 : 255 })
      .map((bits) => ({
        datatype,
        shape,
        data: type.view(new Uint8Array(bits).buffer),
      }));
  });

export const namedTensors = fc
  .dictionary(fc.string({ unit: 'grapheme' }), anyTensor, { minKeys: 1, maxKeys: 4, noNullPrototype: true })
  .map((named) => new Map(Object.entries(named)));

/** The same tensors with one NaN for all: what passes through a number keeps no payload. */
export function withPlainNaN(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const { datatype, data } = tensor;
      if (data instanceof Uint16Array && datatype === 'FP16')
        return [name, { ...tensor, data: data.map((bits) => ((bits & 0x7fff) > 0x7c00 ? 0x7e00 : bits)) }];
      return [name, { ...tensor, data: data.slice() }];
    }),
  );
}
