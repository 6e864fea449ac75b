import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import type { IoredisStreams, NodeRedisStreams } from "../../outbox/publishers/redis-streams.ts";

/** The parts that we use of a `Redis` of `ioredis`. */
export interface IoredisConsumer extends IoredisStreams {
  callBuffer(command: string, ...rest: (string | Buffer)[]): Promise<unknown>;
}

/** The parts that we use of a client of `redis` (node-redis). */
export interface NodeRedisConsumer extends NodeRedisStreams {
  withTypeMapping(mapping: { 36: typeof Buffer }): { sendCommand(command: string[]): Promise<unknown> };
}

/** An entry of a stream: its fields, in which texts are bytes. */
export interface RedisEntry {
  readonly entryId: string;
  readonly fields: Readonly<Record<string, Buffer>>;
}

export type Send = (...command: [string, ...string[]]) => Promise<unknown>;

/** Sends commands. Texts in their replies are bytes. */
export function senderOf(client: IoredisConsumer | NodeRedisConsumer): Send {
  if (hasMethod(client, "callBuffer")) return (name, ...rest) => (client as IoredisConsumer).callBuffer(name, ...rest);
  if (hasMethod(client, "withTypeMapping")) {
    const typed = (client as NodeRedisConsumer).withTypeMapping({ 36: Buffer });
    return (...command) => typed.sendCommand(command);
  }
  throw wrongClientError("client", "a client of ioredis or redis", client);
}

/** One process of one group of one stream. */
export interface GroupMember {
  readonly stream: string;
  readonly group: string;
  readonly name: string;
  readonly claimIdleMs: number;
}

/** Has what consumers gave back, until others claim it. It never reads. */
const givenBackName = "given-back";
/** So long ago was it used, whatever the `claimIdleMs` of who claims it, milliseconds. */
const givenBackIdleMs = 86_400_000;

/** The entries of one stream, for one process of one group. */
export function entriesOf(send: Send, { stream, group, name, claimIdleMs }: GroupMember) {
  /** Where the next look for entries of others begins: there may be more of those in hand than one look passes. */
  let cursor = "0-0";
  const pending = async ({ entryId }: RedisEntry): Promise<{ isOurs: boolean; deliveries: number }> => {
    const reply = await send("XPENDING", stream, group, entryId, entryId, "1");
    const [one] = reply as [id: Buffer, owner: Buffer, idleMs: number, deliveries: number][];
    return { isOurs: one?.[1].toString() === name, deliveries: one?.[3] ?? 1 };
  };
  /** Claims an entry that is ours still: another process may have claimed it meanwhile, and be at work. */
  const claimOurs = async (entry: RedisEntry, owner: string, ...rest: string[]): Promise<void> => {
    if ((await pending(entry)).isOurs)
      await send("XCLAIM", stream, group, owner, "0", entry.entryId, ...rest, "JUSTID");
  };
  return {
    async read(count: number): Promise<RedisEntry[]> {
      const reply = await send("XREADGROUP", "GROUP", group, name, "COUNT", String(count), "STREAMS", stream, ">");
      return readEntries(ofFirstStream(reply));
    },
    /** @returns what it has claimed, and whether it has looked at all. */
    async claim(count: number): Promise<{ entries: RedisEntry[]; isWhole: boolean }> {
      const idle = String(claimIdleMs);
      const reply = await send("XAUTOCLAIM", stream, group, name, idle, cursor, "COUNT", String(count));
      const [next, entries] = reply as [Buffer, RawEntry[]];
      cursor = next.toString();
      return { entries: readEntries(entries), isWhole: cursor === "0-0" };
    },
    deliveries: async (entry: RedisEntry): Promise<number> => (await pending(entry)).deliveries,
    keep: (entry: RedisEntry) => claimOurs(entry, name),
    acknowledge: ({ entryId }: RedisEntry) => send("XACK", stream, group, entryId),
    /** Others may claim it at once, and its delivery here is not counted. */
    giveBack: (entry: RedisEntry, deliveries: number) =>
      claimOurs(
        entry,
        givenBackName,
        "IDLE",
        String(givenBackIdleMs),
        "RETRYCOUNT",
        String(Math.max(0, deliveries - 1)),
      ),
  };
}

type RawEntry = [id: Buffer, fields: Buffer[] | null];

/** A reply has its streams as a list of pairs, or as a map in RESP3. */
function ofFirstStream(reply: unknown): RawEntry[] {
  if (reply === null || reply === undefined) return [];
  if (reply instanceof Map) return ([...reply.values()][0] ?? []) as RawEntry[];
  if (!Array.isArray(reply)) return (Object.values(reply)[0] ?? []) as RawEntry[];
  const [first] = reply as [unknown];
  return (Array.isArray(first) ? first[1] : reply[1]) as RawEntry[];
}

/** An entry without fields was trimmed before it was handled. */
function readEntries(raw: readonly (RawEntry | null)[]): RedisEntry[] {
  return raw.flatMap((entry) => {
    if (entry === null || entry[1] === null) return [];
    const [id, list] = entry;
    const fields: Record<string, Buffer> = {};
    for (let index = 0; index < list.length; index += 2) fields[String(list[index])] = list[index + 1]!;
    return [{ entryId: id.toString(), fields }];
  });
}
