import { createRequire } from "node:module";

/** Starts the server, as `npm start` does: the arguments of `node`. `npm run build` comes first. */
export const command = [createRequire(import.meta.url).resolve("next/dist/bin/next"), "start", "-H", "127.0.0.1"];

/** The signal that ends it. */
export const endSignal = "SIGKILL";
