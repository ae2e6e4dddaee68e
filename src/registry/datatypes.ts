/** The datatypes served, by their names in the Open Inference Protocol. */
export const datatypes = [
  'BOOL',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export type DatatypeName = (typeof datatypes)[number];
