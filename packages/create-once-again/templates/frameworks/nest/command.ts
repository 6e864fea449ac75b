/** Starts the server, as `npm start` does: the arguments of `node`. Decorators are compiled by `npm run build` first. */
export const command = ["dist/server.js"];

/** The signal that ends it. */
export const endSignal = "SIGKILL";
