import type { GroupMember, Send } from "./redis-entries.ts";

/** A group of consumers of a stream: made where it is missing, and tidied. */
export interface RedisGroup {
  /**
   * Makes the group if it is not there. Where this process knew it, it begins behind what the whole group had acknowledged,
   * unless the stream is another one; else with the stream's first entry.
   *
   * @returns an error that says so, where this process knew it.
   */
  make(): Promise<Error | undefined>;
  /** Asks how far the group is, in case it vanishes. */
  look(): Promise<void>;
  /**
   * Removes consumers that have no entries and gave no sign of life for so long, milliseconds, default an hour.
   *
   * @param leaver is removed too, if it has no entries.
   */
  tidy(leaver?: string, idleMs?: number): Promise<void>;
}

/** Without a sign of life for so long, a consumer is gone, milliseconds. If it is not, Redis makes it again when it reads. */
const idleMsMax = 3_600_000;

/** In one step, since a consumer that is removed loses its entries. */
const tidyScript = `
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local fact = {}
  for at = 1, #flat, 2 do fact[flat[at]] = flat[at + 1] end
  if fact['pending'] == 0 and (fact['name'] == ARGV[2] or fact['idle'] >= tonumber(ARGV[3])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fact['name'])
  end
end`;

export function redisGroup(send: Send, { stream, group }: Pick<GroupMember, "stream" | "group">): RedisGroup {
  /** Everything up to `position` was acknowledged; `entriesRead`: of so many, where Redis counts them. */
  let known: { position: string; entriesRead: number } | undefined;

  /** Where a group begins that is made anew. */
  const startOf = async (): Promise<string> => {
    if (known === undefined) return "0";
    const found = await send("XINFO", "STREAM", stream).catch(() => undefined);
    if (found === undefined) return "0";
    const facts = factsOf(found);
    const isAnother =
      isBefore(String(facts["last-generated-id"]), known.position) ||
      Number(facts["entries-added"] ?? Infinity) < known.entriesRead;
    return isAnother ? "0" : known.position;
  };
  return {
    async make() {
      const start = await startOf();
      try {
        await send("XGROUP", "CREATE", stream, group, start, "MKSTREAM");
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("BUSYGROUP")) return undefined;
        throw error;
      }
      if (known === undefined) return undefined;
      known = undefined;
      return new Error(
        `The group ${group} of the stream ${stream} was gone. It was made anew, and begins after ${start}.`,
      );
    },
    async look() {
      const groups = (await send("XINFO", "GROUPS", stream)) as unknown[];
      const facts = groups.map(factsOf).find(({ name }) => String(name) === group);
      if (facts === undefined) return;
      const [, first] = (await send("XPENDING", stream, group)) as [number, Buffer | null];
      const last = String(facts["last-delivered-id"]);
      known = {
        position: first === null ? last : idBefore(first.toString()),
        entriesRead: Number(facts["entries-read"] ?? 0),
      };
    },
    async tidy(leaver = "", idleMs = idleMsMax) {
      await send("EVAL", tidyScript, "1", stream, group, leaver, String(idleMs));
    },
  };
}

/** A reply of names and values: a list, or a map in RESP3. */
function factsOf(reply: unknown): Readonly<Record<string, unknown>> {
  if (reply instanceof Map) return Object.fromEntries([...reply].map(([name, value]) => [String(name), value]));
  if (!Array.isArray(reply)) return reply as Record<string, unknown>;
  const facts: Record<string, unknown> = {};
  for (let at = 0; at < reply.length; at += 2) facts[String(reply[at])] = reply[at + 1];
  return facts;
}

function partsOf(id: string): readonly [bigint, bigint] {
  const [ms = "0", number = "0"] = id.split("-");
  return [BigInt(ms), BigInt(number)];
}

function isBefore(one: string, other: string): boolean {
  const [[ms, number], [otherMs, otherNumber]] = [partsOf(one), partsOf(other)];
  return ms < otherMs || (ms === otherMs && number < otherNumber);
}

const numberMax = 2n ** 64n - 1n;

/** The greatest id below another one. */
function idBefore(id: string): string {
  const [ms, number] = partsOf(id);
  if (number > 0n) return `${ms}-${number - 1n}`;
  return ms > 0n ? `${ms - 1n}-${numberMax}` : "0-0";
}
