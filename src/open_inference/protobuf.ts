import { readFileSync } from 'node:fs';
import Long from 'long';
import protobuf from 'protobufjs';
import { builtFile } from '../built_file.ts';

/** One kind of message; fields have the names of the .proto files, 64-bit integers are decimal text. */
export interface MessageType {
  /** Every field is there, with its default where it was not sent. @throws Error for bytes that are no such message */
  decode(bytes: Uint8Array): Record<string, unknown>;
  encode(message: Record<string, unknown>): Buffer;
}

const files = ['open_inference_grpc', 'model_repository', 'engine_repository', 'health'];
let loaded: protobuf.Root | undefined;

/** The message type of that full name, such as `inference.ModelInferRequest`. */
export function messageType(name: string): MessageType {
  loaded ??= loadFiles();
  const type = loaded.lookupType(name);
  return {
    decode: (bytes) =>
      type.toObject(type.decode(bytes), { longs: String, enums: String, defaults: true, oneofs: false }),
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
  };
}

function loadFiles(): protobuf.Root {
  // Without it, 64-bit integers would be doubles.
  protobuf.util.Long = Long;
  protobuf.configure();
  const root = new protobuf.Root();
  for (const file of files)
    protobuf.parse(readFileSync(builtFile(`protobuf/${file}.proto`), 'utf8'), root, { keepCase: true });
  root.resolveAll();
  return root;
}
