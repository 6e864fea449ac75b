import type { Codec } from "./engine.ts";

/** For results that are bytes already. */
export const bytesCodec: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
