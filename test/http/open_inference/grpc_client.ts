import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { messageType } from '../../../src/open_inference/protobuf.ts';

export type Message = Record<string, unknown>;

/** How a call ended that was not answered. */
interface Ended {
  status: string;
  /** Our own code. */
  code: unknown;
  details: string;
}

export interface GrpcClient {
  /** Calls `service/method`; messages are called as the methods of the Open Inference Protocol. */
  call(
    method: string,
    message: Message,
    options?: { token?: string | undefined; deadlineMs?: number },
  ): Promise<Message | Ended>;
  client: Client;
  close(): void;
}

const service = 'inference.GRPCInferenceService';

/** A client of grpc-js, without tritonclient's ways. @param trusted the certificate that it trusts; undefined: no TLS */
export function grpcClient(port: number, trusted?: string): GrpcClient {
  const client = new Client(
    `127.0.0.1:${port}`,
    trusted === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(trusted)),
  );
  return {
    client,
    call(method, message, { token, deadlineMs } = {}) {
      const metadata = new Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      const [request, response] = [
        messageType(`inference.${method}Request`),
        messageType(`inference.${method}Response`),
      ];
      return new Promise((resolve) => {
        client.makeUnaryRequest(
          `/${service}/${method}`,
          (given: Message) => request.encode(given),
          (bytes: Buffer) => response.decode(bytes),
          message,
          metadata,
          deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
          (error: ServiceError | null, answer?: Message) => {
            if (error === null) return resolve(answer ?? {});
            const [code] = error.metadata.get('modelyard-code');
            resolve({ status: status[error.code] ?? '', code, details: error.details });
          },
        );
      });
    },
    close: () => client.close(),
  };
}
