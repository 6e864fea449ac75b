import { isUtf8 } from "node:buffer";
import type { RedisCommand, RedisConnection } from "./client.ts";
import { replaceScript, type Script } from "./script.ts";
import type { SilenceWatch } from "./silence-watch.ts";

/** What follows the name of a command. */
export type Argument = string | Buffer;

/** What a store sends about one key. */
export interface RecordCommands {
  /** Sets a key that is not there, to last so long. Its reply is what was there before, `null` where there was nothing. */
  setAbsent(key: string, text: string, lifeMs: number): Promise<Buffer | null>;
  /** Sets a key that holds this text, to last so long. `false`: it holds another, or none. */
  replace(key: string, before: string, after: Argument, lifeMs: number): Promise<boolean>;
  run(script: Script, key: string, ...rest: Argument[]): Promise<unknown>;
}

export function recordCommands(connection: RedisConnection, watch: SilenceWatch): RecordCommands {
  const send = async (key: string, command: RedisCommand): Promise<unknown> => {
    watch.countCommand();
    try {
      return await connection.send(key, command);
    } finally {
      watch.countReply();
    }
  };
  const run = (script: Script, key: string, ...rest: Argument[]): Promise<unknown> =>
    send(key, ["EVALSHA", script.hash, "1", key, ...rest]).catch((error: unknown) => {
      // The server was restarted, promoted, or never had it.
      if (!String(error).includes("NOSCRIPT")) throw error;
      return send(key, ["EVAL", script.text, "1", key, ...rest]);
    });
  // Redis 8.4 and Valkey 8.1 compare by themselves. Which a server is, it says when it is asked to.
  let comparesItself = true;
  return {
    setAbsent: (key, text, lifeMs) =>
      send(key, ["SET", key, text, "NX", "GET", "PX", String(lifeMs)]) as Promise<Buffer | null>,
    replace(key, before, after, lifeMs) {
      const byScript = (): Promise<boolean> => run(replaceScript, key, before, after, String(lifeMs)).then(isSet);
      if (!comparesItself) return byScript();
      return send(key, ["SET", key, after, "IFEQ", before, "PX", String(lifeMs)]).then(isSet, (error: unknown) => {
        if (!String(error).includes("syntax error")) throw error;
        comparesItself = false;
        return byScript();
      });
    },
    run,
  };
}

/** Redis answers a SET that its condition held back with nothing. */
const isSet = (reply: unknown): boolean => reply !== null;

/** Bytes that are a text, as nearly all results are, go as one: clients send a command of texts alone in one piece. */
export function argumentOf(value: Uint8Array): Argument {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? bytes.toString() : bytes;
}
