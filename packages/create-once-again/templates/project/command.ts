/** Starts the server, as `npm start` does: the arguments of `node`. */
export const command = ["server.ts"];

/** The signal that ends it. */
export const endSignal = "SIGKILL";
