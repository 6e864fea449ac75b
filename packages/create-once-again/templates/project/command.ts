/** Starts the server, as `npm start` does: the arguments of `node`. */
export const command = ["server.ts"];
