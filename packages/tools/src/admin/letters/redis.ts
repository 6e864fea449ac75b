import { connectRedis, drivers } from "once-again/internal/command";
import { publishToRedisStreams } from "once-again/outbox";
import {
  type HeldLetter,
  inTime,
  type Letter,
  type LetterPlace,
  messageOf,
  readLetter,
  writtenHeaders,
} from "./letter.ts";

type Send = (...command: [string, ...string[]]) => Promise<unknown>;
type Entry = [id: Buffer, fields: Buffer[]];

/** So many entries are read at a time. */
const pageMax = 10;

/** Opens a stream of dead letters in Redis or Valkey. */
export async function openRedisLetters(url: URL, stream: string): Promise<LetterPlace> {
  const { client, close } = await inTime("connect to Redis", connectRedis(url, "command", drivers));
  const send: Send = (...command) => inTime(`reply to ${command[0]}`, sendTo(client, command));
  const isStream = async (key: string): Promise<boolean> => String(await send("TYPE", key)) === "stream";
  if (!(await isStream(stream))) {
    close();
    throw new Error(`There is no stream ${JSON.stringify(stream)} in Redis: it has had no letter, or was removed.`);
  }
  const hold = ([entryId, fields]: Entry): HeldLetter => {
    const letter = letterOf(entryId.toString(), fields);
    return {
      letter,
      async send(to) {
        // Redis would make it.
        if (!(await isStream(to))) throw new Error(`There is no stream ${JSON.stringify(to)} in Redis.`);
        const publish = publishToRedisStreams(client as never, { stream: () => to });
        const message = messageOf(letter as Letter & { id: string }, Date.now());
        await inTime("confirm the send", publish(message, { signal: AbortSignal.timeout(60_000) }));
        return true;
      },
      remove: async () => void (await send("XDEL", stream, entryId.toString())),
    };
  };
  return {
    count: async () => Number(await send("XLEN", stream)),
    async visit(max, visitor) {
      const [last] = (await send("XREVRANGE", stream, "+", "-", "COUNT", "1")) as Entry[];
      if (last === undefined) return;
      let [from, left] = ["-", max];
      while (left > 0) {
        const count = String(Math.min(left, pageMax));
        const entries = (await send("XRANGE", stream, from, last[0].toString(), "COUNT", count)) as Entry[];
        for (const entry of entries) if (!(await visitor(hold(entry)))) return;
        if (entries.length === 0) return;
        left -= entries.length;
        from = `(${entries.at(-1)![0].toString()}`;
      }
    },
    finish: async () => undefined,
    notice: () => undefined,
    close: async () => close(),
  };
}

/** Sends a command through either client. Texts in its reply are bytes. */
function sendTo(client: object, command: [string, ...string[]]): Promise<unknown> {
  if ("callBuffer" in client) {
    return (client as { callBuffer(...command: string[]): Promise<unknown> }).callBuffer(...command);
  }
  const typed = client as {
    withTypeMapping(mapping: object): { sendCommand(command: string[]): Promise<unknown> };
  };
  return typed.withTypeMapping({ 36: Buffer, 43: Buffer }).sendCommand(command);
}

function letterOf(entryId: string, list: readonly Buffer[]): Letter {
  const fields = new Map<string, Buffer>();
  for (let index = 0; index < list.length; index += 2) fields.set(String(list[index]), list[index + 1]!);
  const at = Number(entryId.split("-")[0]);
  return readLetter({
    id: fields.get("id")?.toString(),
    topic: fields.get("topic")?.toString() ?? "",
    orderingKey: fields.get("orderingKey")?.toString(),
    headers: writtenHeaders(fields.get("headers")?.toString()),
    body: fields.get("body") ?? new Uint8Array(),
    at: Number.isFinite(at) ? at : undefined,
  });
}
