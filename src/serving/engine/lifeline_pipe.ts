/** The file descriptor, in the engine host, of the pipe that closes when the server is gone. */
export const lifelinePipe = 3;
