import type { EngineSettings } from '../../engine_settings.ts';
import type { EngineConnection } from './engine_connection.ts';
import { connectByGrpc } from './grpc_connection.ts';
import { connectByRest } from './rest_connection.ts';

/** @throws Error when the certificates cannot be read */
export function connectEngine(settings: EngineSettings): EngineConnection {
  return settings.protocol === 'grpc' ? connectByGrpc(settings) : connectByRest(settings);
}
