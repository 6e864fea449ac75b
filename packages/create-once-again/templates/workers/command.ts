/** Starts the server, as `npm start` does: the arguments of `node`. */
export const command = ["dev.ts"];

/** The signal that ends it: the runtime is another process, which dev.ts ends first. */
export const endSignal = "SIGTERM";
