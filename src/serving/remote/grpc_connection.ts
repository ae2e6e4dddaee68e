import { z } from 'zod';
import type { EngineSettings } from '../../engine_settings.ts';
import { ModelYardError, messageOf } from '../../errors.ts';
import { modelMetadata } from './compare_signature.ts';
import type { EngineConnection, PushedModel } from './engine_connection.ts';
import { engineError, refusalError, wrongAnswer } from './engine_errors.ts';
import type { GrpcAnswer } from './grpc_client.ts';
import type { Place } from './placed_name.ts';

const liveAnswer = z.object({ live: z.boolean() });
const readyAnswer = z.object({ ready: z.boolean() });
const configAnswer = z.object({
  config: z.object({ instance_group: z.array(z.object({ count: z.number() })) }).nullish(),
});

/** What is loaded by those who speak gRPC only. */
async function loadParts() {
  const [{ createGrpcClient, maxMessageBytes }, messages, { messageType }] = await Promise.all([
    import('./grpc_client.ts'),
    import('../../open_inference/grpc_messages.ts'),
    import('../../open_inference/protobuf.ts'),
  ]);
  return { createGrpcClient, maxMessageBytes, messages, messageType };
}

/** The Open Inference Protocol by gRPC: tensors go as raw bytes, files as they are. */
export function connectByGrpc(settings: EngineSettings): EngineConnection {
  const { name: engine } = settings;
  let opening: ReturnType<typeof open> | undefined;
  let isClosed = false;

  async function open() {
    const parts = await loadParts();
    return { ...parts, channel: parts.createGrpcClient(settings) };
  }

  function opened() {
    if (isClosed) throw new Error(`the connection to ${engine} is closed`);
    opening ??= open();
    return opening;
  }

  async function send(method: string, message: Buffer, signal: AbortSignal): Promise<GrpcAnswer> {
    const { channel } = await opened();
    try {
      return await channel.call(method, message, signal);
    } catch (error) {
      throw engineError(engine, error);
    }
  }

  /** @returns undefined: the engine refused it as something that it does not have */
  async function ask<Answer>(
    method: string,
    message: Record<string, unknown>,
    { answer, what, signal }: { answer: z.ZodType<Answer>; what: string; signal: AbortSignal },
  ): Promise<Answer | undefined> {
    const { messageType } = await opened();
    const given = await send(method, messageType(`inference.${method}Request`).encode(message), signal);
    if ('refusal' in given) {
      if (given.refusal.why === 'other' || given.refusal.why === 'not_ready') return undefined;
      throw refusalError(engine, what, given.refusal);
    }
    return decoded(() => answer.parse(messageType(`inference.${method}Response`).decode(given.bytes)));
  }

  function decoded<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof z.ZodError) throw wrongAnswer(engine, 'its answer is none of the protocol');
      throw wrongAnswer(engine, messageOf(error).replace(/\.$/, ''));
    }
  }

  /** Loads or unloads. */
  async function change(
    method: 'RepositoryModelLoad' | 'RepositoryModelUnload',
    message: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<GrpcAnswer> {
    const { messageType } = await opened();
    return send(method, messageType(`inference.${method}Request`).encode(message), signal);
  }

  return {
    async isUp(signal) {
      const options = { answer: liveAnswer, what: 'tell whether it is there', signal };
      return (await ask('ServerLive', {}, options))?.live === true;
    },

    async isReady(place, signal) {
      const options = { answer: readyAnswer, what: 'tell whether it has the model', signal };
      return (await ask('ModelReady', named(place), options))?.ready === true;
    },

    async metadata(place, signal) {
      const { messageType } = await opened();
      const request = messageType('inference.ModelMetadataRequest').encode(named(place));
      const given = await send('ModelMetadata', request, signal);
      if ('refusal' in given) throw refusalError(engine, `describe the model ${place.name}`, given.refusal);
      return decoded(() =>
        modelMetadata.parse(messageType('inference.ModelMetadataResponse').decode(given.bytes)),
      );
    },

    async instances(place, signal) {
      const options = { answer: configAnswer, what: 'tell its configuration', signal };
      const found = await ask('ModelConfig', named(place), options);
      return found?.config?.instance_group.reduce((sum, { count }) => sum + count, 0);
    },

    async run(place, tensors, outputs, signal) {
      const { messages } = await opened();
      const call = messages.writeGrpcCall(place.name, place.version, {
        id: undefined,
        parameters: {},
        inputs: tensors,
        outputs: outputs.map((name) => ({ name, parameters: {} })),
      });
      const given = await send('ModelInfer', call, signal);
      if ('refusal' in given) return given;
      return decoded(() => ({ outputs: new Map(messages.readGrpcAnswer(given.bytes).outputs) }));
    },

    async load(name, model, signal) {
      const { maxMessageBytes } = await opened();
      requireSendable(engine, model, maxMessageBytes);
      const message = { model_name: name, parameters: parametersOf(model) };
      const given = await change('RepositoryModelLoad', message, signal);
      if ('refusal' in given) throw refusalError(engine, 'load the model', given.refusal);
    },

    async unload(name, signal) {
      const given = await change('RepositoryModelUnload', { model_name: name }, signal);
      if ('refusal' in given && given.refusal.why !== 'other')
        throw refusalError(engine, 'unload the model', given.refusal);
    },

    close() {
      isClosed = true;
      opening?.then(({ channel }) => channel.close()).catch(() => undefined);
    },
  };
}

function named({ name, version = '' }: Place) {
  return { name, version };
}

function parametersOf(model: PushedModel | undefined): Record<string, unknown> {
  if (model === undefined) return {};
  return {
    config: { string_param: JSON.stringify(model.config) },
    ...Object.fromEntries(model.files.map(({ name, bytes }) => [`file:1/${name}`, { bytes_param: bytes }])),
  };
}

/** Of the message, what is not the files. */
const besideFilesBytes = 1e6;

function requireSendable(engine: string, model: PushedModel | undefined, maxBytes: number): void {
  const bytes = model?.files.reduce((sum, file) => sum + file.bytes.length, 0) ?? 0;
  if (bytes + besideFilesBytes <= maxBytes) return;
  throw new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model has ${bytes} bytes, and a message of gRPC, by which ${engine} is given its models, has ${maxBytes} at most.`,
    'Set the protocol of the engine to "rest" in MODELYARD_ENGINES, or deploy the version with another engine.',
  );
}
