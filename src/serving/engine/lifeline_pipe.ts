/** The file descriptor, in the engine host, of the pipe that closes when the server is gone. */
export const lifelinePipe = 3;

/** What a host writes to standard error before it ends itself for taking too much memory. */
export const memoryCapMarker = 'modelyard: memory cap reached';
