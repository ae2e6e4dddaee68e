/** How other files that models are kept in begin (as Latin-1), and what to do with them. */
const kinds: readonly { beginning: string; at?: number; is: string }[] = [
  {
    beginning: 'ORTM',
    at: 4,
    is: "it is in onnxruntime's own ORT format: give the .onnx file that it was made from",
  },
  {
    beginning: 'PK\x03\x04',
    is: 'it is a zip archive, such as PyTorch or Keras save: export the model to ONNX',
  },
  ...['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'].map((beginning) => ({
    beginning,
    is: 'it is a Python pickle: convert the model to ONNX, for instance with skl2onnx',
  })),
  { beginning: '\x89HDF', is: 'it is an HDF5 file, such as Keras saves: export the model to ONNX' },
  ...['<?xml', '<PMML', '{', 'tree\n'].map((beginning) => ({
    beginning,
    is: 'it is a text file: convert the model to ONNX',
  })),
  { beginning: 'version https://git-lfs', is: 'it is a Git LFS pointer: fetch the file that it stands for' },
];

/** @throws when the file begins like something else that models are kept in. */
export function requireNoOtherFormat(file: Uint8Array): void {
  if (file.length === 0) throw new Error('it is empty');
  const beginning = Buffer.from(file.subarray(0, 64)).toString('latin1');
  const found = kinds.find((kind) => beginning.startsWith(kind.beginning, kind.at));
  if (found !== undefined) throw new Error(found.is);
}
