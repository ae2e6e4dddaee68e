import { z } from 'zod';
import type { EngineSettings } from '../../engine_settings.ts';
import { messageOf } from '../../errors.ts';
import { readAnswer, writeCall } from '../../open_inference/json_messages.ts';
import { modelMetadata } from './compare_signature.ts';
import { maxRunBytes } from './connection_failure.ts';
import type { EngineConnection } from './engine_connection.ts';
import { engineError, type Refusal, refusalError, saidIn, wrongAnswer } from './engine_errors.ts';
import { createHttpClient, type HttpAnswer, type HttpRequest } from './http_client.ts';
import type { Place } from './placed_name.ts';
import { pushBody } from './push_body.ts';

const maxOtherBytes = 4e6;

const serverMetadata = z.object({ extensions: z.array(z.string()).default([]) });
const modelConfig = z.object({ instance_group: z.array(z.object({ count: z.number() })).default([]) });

/** @throws Error when the certificates cannot be read */
export function connectByRest(settings: EngineSettings): EngineConnection {
  const { name: engine } = settings;
  const client = createHttpClient(settings);
  let extensions: Promise<readonly string[]> | undefined;

  async function send(request: Omit<HttpRequest, 'maxBytes'> & { maxBytes?: number }): Promise<HttpAnswer> {
    try {
      return await client.send({ maxBytes: maxOtherBytes, ...request });
    } catch (error) {
      // Another may stand in its place when it is back.
      extensions = undefined;
      throw engineError(engine, error);
    }
  }

  async function readExtensions(signal: AbortSignal): Promise<readonly string[]> {
    const { status, body } = await send({ method: 'GET', path: '/v2', signal });
    const said = status === 200 ? serverMetadata.safeParse(jsonOf(body)) : undefined;
    return said?.success ? said.data.extensions : [];
  }

  async function takesBinary(signal: AbortSignal): Promise<boolean> {
    if (settings.binaryTensors !== undefined) return settings.binaryTensors;
    const known = extensions ?? readExtensions(signal);
    extensions = known;
    known.catch(() => {
      if (extensions === known) extensions = undefined;
    });
    return (await known).includes('binary_tensor_data');
  }

  return {
    isUp: async (signal) => (await send({ method: 'GET', path: '/v2/health/live', signal })).status === 200,

    async isReady(place, signal) {
      const { status, body } = await send({ method: 'GET', path: `${pathOf(place)}/ready`, signal });
      if (status === 401 || status === 403) throw refusalError(engine, 'tell', refusalOf(status, body));
      return status === 200;
    },

    async metadata(place, signal) {
      const { status, body } = await send({ method: 'GET', path: pathOf(place), signal });
      if (status !== 200)
        throw refusalError(engine, `describe the model ${place.name}`, refusalOf(status, body));
      const read = modelMetadata.safeParse(jsonOf(body));
      if (read.success) return read.data;
      throw wrongAnswer(engine, 'its description of the model is none of the protocol');
    },

    async instances(place, signal) {
      const { status, body } = await send({ method: 'GET', path: `${pathOf(place)}/config`, signal });
      const read = status === 200 ? modelConfig.safeParse(jsonOf(body)) : undefined;
      return read?.success ? read.data.instance_group.reduce((sum, { count }) => sum + count, 0) : undefined;
    },

    async run(place, tensors, outputs, signal) {
      const isBinary = await takesBinary(signal);
      const { bytes, headerLength } = writeCall(
        {
          id: undefined,
          parameters: {},
          inputs: tensors,
          outputs: outputs.map((name) => ({ name, parameters: isBinary ? { binary_data: true } : {} })),
        },
        () => isBinary,
      );
      const { status, headers, body } = await send({
        method: 'POST',
        path: `${pathOf(place)}/infer`,
        headers: {
          'content-type': headerLength === undefined ? 'application/json' : 'application/octet-stream',
          ...(headerLength !== undefined && { 'inference-header-content-length': String(headerLength) }),
        },
        body: bytes,
        signal,
        maxBytes: maxRunBytes,
      });
      if (status !== 200) return { refusal: refusalOf(status, body) };
      const given = headers['inference-header-content-length'];
      try {
        return {
          outputs: new Map(readAnswer(body, given === undefined ? undefined : Number(given)).outputs),
        };
      } catch (error) {
        throw wrongAnswer(engine, messageOf(error).replace(/\.$/, ''));
      }
    },

    async load(name, model, signal) {
      const { status, body: answer } = await send({
        method: 'POST',
        path: `/v2/repository/models/${encodeURIComponent(name)}/load`,
        headers: { 'content-type': 'application/json' },
        body: model === undefined ? Buffer.from('{}') : pushBody(model),
        signal,
      });
      if (status !== 200) throw refusalError(engine, 'load the model', refusalOf(status, answer));
    },

    async unload(name, signal) {
      const { status, body } = await send({
        method: 'POST',
        path: `/v2/repository/models/${encodeURIComponent(name)}/unload`,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from('{}'),
        signal,
      });
      if (status !== 200 && status !== 400 && status !== 404)
        throw refusalError(engine, 'unload the model', refusalOf(status, body));
    },

    close: client.close,
  };
}

function pathOf({ name, version }: Place): string {
  const model = `/v2/models/${encodeURIComponent(name)}`;
  return version === undefined ? model : `${model}/versions/${encodeURIComponent(version)}`;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function refusalOf(status: number, body: Buffer): Refusal {
  const said = saidIn(body);
  const why =
    status === 429
      ? 'too_busy'
      : status === 401 || status === 403
        ? 'not_let_in'
        : status === 503
          ? 'not_ready'
          : 'other';
  return { why, status: `HTTP ${status}`, said };
}
