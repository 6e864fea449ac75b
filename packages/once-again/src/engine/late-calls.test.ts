import { expect, test } from "vitest";
import { type FakeClock, fakeClock } from "../../../testing/src/fake-clock.ts";
import type { Awaitable } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import { type Random, seededRandom } from "../core/random.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { InspectedRecord, Store } from "../stores/store.ts";
import { bytesCodec } from "./engine.ts";
import { openEngine } from "./open-engine.ts";

// Calls of a store that are executed long after they were given up, had failed, or were repeated; also while an engine closes. The
// simulation (test/proof/simulation) has them of whole servers, where a key that is held by nothing passes for one that a crash held.

const storeMsMax = 300;
/** How long calls go wrong, and how long after it was sent one may land, milliseconds: it is believed to be lost after a minute. */
const [troubledMs, lateMsMax] = [20_000, 40_000];
const keys = ["a", "b", "c", "d", "e", "f"];
const effects = ["done", "done", "none", "none", "refused", "unknown", "throws"] as const;

interface LateStore extends Store {
  /** When each call was sent, and which. */
  readonly sent: { readonly at: number; readonly name: string }[];
}

/** A memory store of which each call goes right, late or wrong, by chance. */
function lateStore(clock: FakeClock, random: Random): LateStore {
  const store = memoryStore({ clock });
  const sent: LateStore["sent"] = [];
  const call = async <Answer>(name: string, execute: () => Awaitable<Answer>): Promise<Answer> => {
    sent.push({ at: clock.monotonic(), name });
    const fate = clock.monotonic() < troubledMs ? random() : 0;
    const isSlow = fate >= 0.5 && fate < 0.75;
    await sleep(clock, random() * (isSlow ? (fate < 0.65 ? 3 * storeMsMax : lateMsMax) : storeMsMax / 10));
    if (fate < 0.75) return execute();
    if (fate < 0.85) void sleep(clock, random() * lateMsMax).then(execute);
    else if (fate < 0.93) await execute();
    throw new Error("ECONNRESET");
  };
  return {
    ...store,
    sent,
    claim: (request) => call("claim", () => store.claim(request)),
    complete: (request) => call("complete", () => store.complete(request)),
    renew: (request) => call("renew", () => store.renew(request)),
    release: (request) => call("release", () => store.release(request)),
    inspect: (name) => call("inspect", () => store.inspect(name)),
    list: (request) => store.list(request),
  };
}

/** Plays 24 requests for six keys, in two processes of two engines each. */
async function play(seed: number, whenDone: "waits" | "closes"): Promise<string[]> {
  const random = seededRandom(seed);
  const clock = fakeClock(1_700_000_000_000);
  const store = lateStore(clock, random);
  const ends = new Map<string, (typeof effects)[number][]>(keys.map((key) => [key, []]));
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const engines = [1, 2].flatMap(() => {
    const options = { store, clock, random, storeMsMax, leaseMs: 1000, waitMs: 500 };
    const room = openEngine({ ...options, onError: () => undefined });
    return [room.engine, room.openBeside({})];
  });
  const requests: Promise<unknown>[] = [];
  for (let count = 0; count < 24; count += 1) {
    const key = pick(keys);
    const work = async () => {
      const effect = pick(effects);
      await sleep(clock, random() * 700);
      ends.get(key)!.push(effect);
      if (effect === "throws") throw new Error(effect);
      return { effect, result: new Uint8Array() };
    };
    const running = pick(engines).run({ scope: "acme", key, fingerprint: "f", codec: bytesCodec }, work);
    requests.push(running.catch(() => undefined));
    await clock.advance(random() * 500);
  }
  if (whenDone === "waits") await clock.advance(3_700_000);
  let closedAt = Infinity;
  const closing = Promise.all(engines.map((engine) => engine.close())).then(() => (closedAt = clock.monotonic()));
  await clock.advance(7 * storeMsMax + 700);
  const late = store.sent.filter(({ at }) => at > closedAt).map(({ name }) => `${name} was sent after the close`);
  const slow = closedAt === Infinity ? ["it was not closed in time"] : [];
  await clock.advance(lateMsMax + 100_000);
  await Promise.all([closing, ...requests]);
  const held =
    whenDone === "closes" ? [] : keys.flatMap((key) => problemsOf(key, ends.get(key)!, recordOf(store, key)));
  return [...late, ...slow, ...held, ...(clock.pending > 0 ? [`${clock.pending} timers are left`] : [])];
}

const recordOf = (store: Store, key: string): InspectedRecord | undefined =>
  (store.list({ limit: 100 }) as InspectedRecord[]).find((record) => record.key === key);

/** How the record of an operation, which was run with these ends, contradicts them. */
function problemsOf(
  key: string,
  ends: readonly (typeof effects)[number][],
  record: InspectedRecord | undefined,
): string[] {
  const effective = ends.filter((end) => end !== "none");
  const problems: readonly [boolean, string][] = [
    [effective.length > 1, "ran again after an effect"],
    [effective.length === 0 && record !== undefined, "is held by nothing"],
    [effective.length > 0 && record === undefined, "is forgotten"],
    [effective[0] === "done" && record?.state !== "done", "has no result"],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [`${key} ${problem}: ${ends.join()}; ${record?.state}`] : []));
}

test.for(["waits", "closes"] as const)(
  "a call that lands late holds no key of which nothing happened, and is no call after a close: a server that %s",
  async (whenDone) => {
    const first = Math.floor(Math.random() * 1e9);
    for (let seed = first; seed < first + 100; seed += 1) {
      expect(await play(seed, whenDone), `seed ${seed}`).toEqual([]);
    }
  },
);
