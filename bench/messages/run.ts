import amqplib from "amqplib";
import { Pool } from "pg";
import { postgresOutbox, postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { startPostgres } from "../../test/support/servers/postgres.ts";
import { startRabbitmq } from "../../test/support/servers/rabbitmq.ts";
import { type Child, startChild } from "../child.ts";
import { measureInterleaved, type Measured, type Subject } from "../measure.ts";
import { again, bare, type PartFigures, type PartName } from "./catalog.ts";
import { spentSince, threadTimes } from "../server/store-cpu.ts";
import type { LoadAnswer, LoadOrder, Notify } from "./load-child.ts";
import { queue } from "./message.ts";
import type { RelayAnswer, RelayOrder } from "./relay-child.ts";
import { relayNames, relayOf } from "./relays.ts";

export interface RunOptions {
  readonly rounds: number;
  /** How many messages each drain publishes. */
  readonly messages: number;
  /** How many messages are in the outbox beside them in `backlog`. */
  readonly rows: number;
  /** Of `latency` and `commits`, messages per second. */
  readonly rate: number;
  /** How long each paced measurement takes. */
  readonly milliseconds: number;
  readonly only: string;
  /** Which rows of those parts are measured; default all. */
  readonly wanted?: (name: string) => boolean;
  readonly say: (text: string) => void;
}

export type MeasuredParts = { readonly [Part in PartName]?: Measured<PartFigures[Part]>[] };

/** The servers and options that all measurements share. */
interface Ground {
  readonly pool: Pool;
  readonly relay: Child;
  readonly load: Child;
  /** Runs something, and returns the processor time that the database spent meanwhile, microseconds. */
  readonly databaseCpu: (run: () => Promise<unknown>) => Promise<number>;
  /** Empties outbox and queue. */
  readonly clear: () => Promise<void>;
}

/** Measures the parts with the text in their name. */
export async function measureMessages(options: RunOptions): Promise<MeasuredParts> {
  const { only, rounds, say, wanted = () => true } = options;
  await using stack = new AsyncDisposableStack();
  const ground = await startGround(stack);
  const measured: Record<string, unknown> = {};
  for (const [name, subjectsOf] of Object.entries(parts)) {
    if (!name.includes(only)) continue;
    const subjects = (await subjectsOf(ground, options)).filter(({ name }) => wanted(name));
    // Until then nothing is compiled.
    for (const subject of subjects) {
      say(`${name}: ${subject.name} warms up`);
      await subject.measure();
    }
    measured[name] = await measureInterleaved<string>(subjects, rounds, (text) => say(`${name}, ${text}`));
    await ground.clear();
  }
  return measured;
}

const parts: { readonly [Part in PartName]: (ground: Ground, options: RunOptions) => Promise<Subject<string>[]> } = {
  throughput,
  latency,
  backlog,
  commits,
  notify,
  notifyLatency,
};

async function startGround(stack: AsyncDisposableStack): Promise<Ground> {
  const database = stack.use(await startPostgres());
  const broker = stack.use(await startRabbitmq());
  const pool = stack.adopt(new Pool({ connectionString: database.url }), (pool) => pool.end());
  await postgresOutbox(pool).migrate();
  await postgresStore(pool).migrate();
  await pool.query("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text)");
  const connection = stack.adopt(await amqplib.connect(broker.url), (connection) => connection.close());
  const channel = await connection.createChannel();
  for (const name of [queue, `${queue}.dead`]) {
    await channel.assertQueue(name, { arguments: { "x-queue-type": "quorum" } });
  }
  const child = (program: string): Child =>
    stack.use(startChild(new URL(program, import.meta.url), [database.url, broker.url]));
  return {
    pool,
    relay: child("./relay-child.ts"),
    load: child("./load-child.ts"),
    async databaseCpu(run) {
      const before = threadTimes(database.pid!);
      await run();
      return spentSince(before, threadTimes(database.pid!));
    },
    async clear() {
      await pool.query("TRUNCATE once_again_outbox");
      await channel.purgeQueue(queue);
    },
  };
}

const tell = (child: Child, order: RelayOrder): Promise<RelayAnswer> => child.ask(order);
const have = (child: Child, order: LoadOrder): Promise<LoadAnswer> => child.ask(order);

async function throughput({ pool, relay, clear }: Ground, { messages: count }: RunOptions): Promise<Subject<string>[]> {
  for (const name of relayNames) await relayOf(name).prepare(pool);
  const measure = async (name: (typeof relayNames)[number] | typeof bare) => {
    await clear();
    if (name !== bare) await relayOf(name).fill(pool, count);
    return figuresOf(await tell(relay, { do: "drain", relay: name, count }), "perSecond", "cpuMicroseconds");
  };
  return [
    { name: bare, baseline: bare, measure: () => measure(bare) },
    { name: again(bare), baseline: bare, measure: () => measure(bare) },
    ...relayNames.map((name) => ({ name, baseline: bare, measure: () => measure(name) })),
  ];
}

async function latency({ relay, load, clear }: Ground, { rate, milliseconds }: RunOptions): Promise<Subject<string>[]> {
  const woken = "NOTIFY";
  const subject = (name: string, notify: Notify, pollMs: number): Subject<string> => ({
    name,
    baseline: woken,
    async measure() {
      await clear();
      await tell(relay, { do: "run", broker: true, notify, pollMs });
      const paced = await have(load, { do: "pace", perSecond: rate, milliseconds, notify, isConsumed: true });
      await tell(relay, { do: "end" });
      return figuresOf(paced, "latencyP50", "latencyP99");
    },
  });
  return [
    subject(woken, "grouped", 1000),
    subject(again(woken), "grouped", 1000),
    subject("NOTIFY within the commit", true, 1000),
    subject("polling, every 20 ms", false, 20),
    subject("polling, every second", false, 1000),
  ];
}

async function backlog(
  { pool, relay, clear }: Ground,
  { messages: count, rows }: RunOptions,
): Promise<Subject<string>[]> {
  const { fill } = relayOf("once-again");
  const empty = "empty table";
  const subject = (name: string, others: number): Subject<string> => ({
    name,
    baseline: empty,
    async measure() {
      await clear();
      await fill(pool, count + others);
      await pool.query("VACUUM ANALYZE once_again_outbox");
      return figuresOf(await tell(relay, { do: "drain", relay: "once-again", count }), "perSecond");
    },
  });
  return [subject(empty, 0), subject(again(empty), 0), subject("backlog", rows)];
}

async function commits({ relay, load, clear }: Ground, { rate, milliseconds }: RunOptions): Promise<Subject<string>[]> {
  const none = "no relay";
  const subject = (name: string, notify: Notify, pollMs?: number): Subject<string> => ({
    name,
    baseline: none,
    async measure() {
      await clear();
      if (pollMs !== undefined) await tell(relay, { do: "run", broker: false, notify, pollMs });
      const paced = { do: "pace", perSecond: rate, milliseconds, notify, isConsumed: false } as const;
      const answer = await have(load, paced);
      if (pollMs !== undefined) await tell(relay, { do: "end" });
      return figuresOf(answer, "commitP50", "commitP99");
    },
  });
  return [
    subject(none, "grouped"),
    subject(again(none), "grouped"),
    subject("relay at work", "grouped", 1000),
    // It claims and removes as many, and is not woken.
    subject("relay at work, polling every 20 ms", false, 20),
  ];
}

const waking = {
  without: ["without NOTIFY", false],
  grouped: ["grouped (default)", "grouped"],
  within: ["within the commit", true],
} as const satisfies Record<string, readonly [name: string, notify: Notify]>;

async function notify({ load, clear, databaseCpu }: Ground, { milliseconds }: RunOptions): Promise<Subject<string>[]> {
  const { without, grouped, within } = waking;
  const subject = ([name, notify]: readonly [string, Notify], shown: string = name): Subject<string> => ({
    name: shown,
    baseline: without[0],
    async measure() {
      await clear();
      let answer: LoadAnswer | undefined;
      const spent = await databaseCpu(async () => (answer = await have(load, { do: "flood", milliseconds, notify })));
      const { perSecond, commitP50, commitP99, cpuMicroseconds } = answer!;
      const commits = (perSecond * milliseconds) / 1000;
      return { perSecond, commitP50, commitP99, cpuMicroseconds: cpuMicroseconds + spent / commits };
    },
  });
  return [subject(without), subject(without, again(without[0])), subject(grouped), subject(within)];
}

async function notifyLatency(
  { load, relay, clear, databaseCpu }: Ground,
  { rate, milliseconds }: RunOptions,
): Promise<Subject<string>[]> {
  const { grouped, within } = waking;
  const subject = (name: string, notify: Notify, pollMs = 1000): Subject<string> => ({
    name,
    baseline: within[0],
    async measure() {
      await clear();
      const perSecond = 2 * rate;
      await tell(relay, { do: "run", broker: false, notify, pollMs });
      let answer: LoadAnswer | undefined;
      const spent = await databaseCpu(async () => {
        answer = await have(load, { do: "pace", perSecond, milliseconds, notify, isConsumed: false });
      });
      const relayed = await tell(relay, { do: "end" });
      const cpuMicroseconds =
        answer!.cpuMicroseconds + relayed.cpuMicroseconds + spent / ((perSecond * milliseconds) / 1000);
      return {
        ...figuresOf(answer!, "commitP50", "commitP99"),
        ...figuresOf(relayed, "latencyP50", "latencyP99"),
        cpuMicroseconds,
      };
    },
  });
  return [
    subject(within[0], true),
    subject(again(within[0]), true),
    subject(grouped[0], "grouped"),
    subject("polling, every 20 ms", false, 20),
  ];
}

function figuresOf(answer: RelayAnswer | LoadAnswer, ...names: string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, (answer as unknown as Record<string, number>)[name]!]));
}
