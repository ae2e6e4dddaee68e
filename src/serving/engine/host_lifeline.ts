/**
 * A worker thread of the engine host: it ends the process at once when the pipe that only the server holds
 * is closed, however the server ended and whatever the main thread is busy with.
 */
import { Socket } from 'node:net';
import { lifelinePipe } from './lifeline_pipe.ts';

const end = () => process.kill(process.pid, 'SIGKILL');
new Socket({ fd: lifelinePipe }).on('end', end).on('close', end).on('error', end).resume();
