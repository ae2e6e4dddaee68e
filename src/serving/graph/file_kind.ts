const kinds: readonly [RegExp, string][] = [
  [/^....ORTM/s, "it is in onnxruntime's own ORT format: give the .onnx file that it was made from"],
  [/^PK\x03\x04/, 'it is a zip archive, such as PyTorch or Keras save: export the model to ONNX'],
  [/^\x80[\x02-\x05]/, 'it is a Python pickle: convert the model to ONNX, for instance with skl2onnx'],
  [/^\x89HDF/, 'it is an HDF5 file, such as Keras saves: export the model to ONNX'],
  [/^(<\?xml|<PMML|\s*\{|tree\n|version https:\/\/git-lfs)/, 'it is a text file: give the ONNX file'],
];

/** @throws when the file begins like something else that models are kept in. */
export function requireNoOtherFormat(file: Uint8Array): void {
  if (file.length === 0) throw new Error('it is empty');
  const beginning = Buffer.from(file.subarray(0, 64)).toString('latin1');
  const found = kinds.find(([pattern]) => pattern.test(beginning));
  if (found !== undefined) throw new Error(found[1]);
}
