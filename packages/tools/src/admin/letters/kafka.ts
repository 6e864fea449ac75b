import { loadDriver } from "once-again/internal/command";
import { publishToKafka } from "once-again/outbox";
import { type HeldLetter, inTime, type Letter, type LetterPlace, messageOf, readLetter } from "./letter.ts";

/** The part of `kafkajs` that we use. */
interface Kafkajs {
  Kafka: new (options: object) => {
    admin(): Admin;
    producer(options: object): Producer;
    consumer(options: object): Consumer;
  };
  readonly Partitioners: { readonly DefaultPartitioner: unknown };
}

type Producer = Parameters<typeof publishToKafka>[0] & { connect(): Promise<void>; disconnect(): Promise<void> };

interface Admin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  fetchTopicOffsets(topic: string): Promise<readonly { partition: number; high: string; low: string }[]>;
  fetchOffsets(request: {
    groupId: string;
    topics: string[];
  }): Promise<readonly { partitions: readonly { partition: number; offset: string }[] }[]>;
  deleteGroups(groups: string[]): Promise<unknown>;
}

interface Batch {
  readonly partition: number;
  readonly messages: readonly Delivery[];
  lastOffset(): string;
}

interface Consumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(options: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  run(config: {
    autoCommit: false;
    eachBatch(given: { batch: Batch; heartbeat(): Promise<void> }): Promise<void>;
  }): Promise<void>;
  on(event: "consumer.crash", listener: (event: { payload: { error: Error } }) => void): unknown;
  on(event: "consumer.group_join", listener: () => void): unknown;
  commitOffsets(offsets: { topic: string; partition: number; offset: string }[]): Promise<void>;
}

type HeaderValue = Buffer | string | (Buffer | string)[] | undefined;

interface Delivery {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp?: string;
  readonly headers?: Readonly<Record<string, HeaderValue>>;
}

/** The group that remembers what was sent: Kafka removes no single message of a topic. */
const groupId = "once-again-letters";

/** Letters of a partition in their order, and which of them were sent. */
interface PartitionState {
  /** The first offset that is not sent. */
  readonly start: bigint;
  /** The offset of the next letter that comes. */
  readonly end: bigint;
  readonly visited: { readonly offset: bigint; isRemoved: boolean }[];
}

/** Opens a topic of dead letters. Those behind the committed offsets of the group `once-again-letters` count as removed. */
export async function openKafkaLetters(url: URL, topic: string): Promise<LetterPlace> {
  const { Kafka, Partitioners } = loadDriver("Kafka", ["kafkajs"]).module as Kafkajs;
  const { searchParams, username, password } = url;
  const kafka = new Kafka({
    ...{ brokers: [url.host], clientId: "once-again", logLevel: 0, connectionTimeout: 5000, requestTimeout: 8000 },
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 500 },
    ...(url.protocol === "kafkas:" && { ssl: true }),
    ...(username !== "" && {
      sasl: {
        mechanism: searchParams.get("sasl") ?? "plain",
        username: decodeURIComponent(username),
        password: decodeURIComponent(password),
      },
    }),
  });
  const admin = kafka.admin();
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  const consumer = (group: string): Consumer =>
    kafka.consumer({ groupId: group, allowAutoTopicCreation: false, maxWaitTimeInMs: 200, heartbeatInterval: 1000 });
  await inTime("connect to Kafka", admin.connect());
  const reader = { groupId: `${groupId}-${crypto.randomUUID()}` };
  try {
    const partitions = await inTime("find the topic", findPartitions(admin, topic));
    return placeOf({ admin, producer, consumer, topic, partitions, readerId: reader.groupId });
  } catch (error) {
    void admin.disconnect().catch(() => undefined);
    throw error;
  }
}

async function findPartitions(admin: Admin, topic: string): Promise<Map<number, PartitionState>> {
  const offsets = await admin.fetchTopicOffsets(topic);
  const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const sent = new Map(committed?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  return new Map(
    offsets.map(({ partition, low, high }) => {
      const [first, mark] = [BigInt(low), sent.get(partition) ?? -1n];
      // A topic that was made anew ends before the mark.
      const start = mark > first && mark <= BigInt(high) ? mark : first;
      return [partition, { start, end: BigInt(high), visited: [] }];
    }),
  );
}

interface Parts {
  readonly admin: Admin;
  readonly producer: Producer;
  readonly consumer: (group: string) => Consumer;
  readonly topic: string;
  readonly partitions: ReadonlyMap<number, PartitionState>;
  /** The group that only this command reads by. */
  readonly readerId: string;
}

function placeOf(parts: Parts): LetterPlace {
  const { admin, producer, consumer, topic, partitions, readerId } = parts;
  let connecting: Promise<void> | undefined;
  const hold = (delivery: Delivery, state: PartitionState): HeldLetter => {
    const letter = letterOf(delivery);
    const visited = { offset: BigInt(delivery.offset), isRemoved: false };
    state.visited.push(visited);
    return {
      letter,
      async send(to) {
        await inTime("connect to Kafka", (connecting ??= producer.connect()));
        const publish = publishToKafka(producer, { topic: () => to });
        const message = messageOf(letter as Letter & { id: string }, Date.now());
        await inTime("confirm the send", publish(message, { signal: AbortSignal.timeout(60_000) }));
        return true;
      },
      async remove() {
        visited.isRemoved = true;
      },
    };
  };
  const marks = (): { topic: string; partition: number; offset: string }[] =>
    [...partitions].flatMap(([partition, { start, visited }]) => {
      const mark = markOf(start, visited);
      return mark === start ? [] : [{ topic, partition, offset: String(mark) }];
    });
  return {
    count: async () => [...partitions.values()].reduce((sum, { start, end }) => sum + Number(end - start), 0),
    async visit(max, visitor) {
      const wanted = new Set(
        [...partitions].filter(([, { start, end }]) => start < end).map(([partition]) => partition),
      );
      if (wanted.size === 0 || max === 0) return;
      const source = consumer(readerId);
      try {
        await readPartitions(source, parts, wanted, max, (delivery, state) => visitor(hold(delivery, state)));
      } finally {
        await inTime("end the reading", source.disconnect()).catch(() => undefined);
        await admin.deleteGroups([readerId]).catch(() => undefined);
      }
    },
    async finish() {
      const offsets = marks();
      if (offsets.length > 0)
        await inTime("take the offsets of its letters", commit(consumer(groupId), topic, offsets));
    },
    notice: () =>
      [...partitions.values()].some(({ start, visited }) => {
        const mark = markOf(start, visited);
        return visited.some(({ offset, isRemoved }) => isRemoved && offset >= mark);
      })
        ? `Kafka removes no single letter. Some that were sent stand behind letters that were not, so that "list" shows them ` +
          `still: the group ${groupId} is at the first letter that was not sent.`
        : undefined,
    async close() {
      await Promise.allSettled([admin.disconnect(), connecting === undefined ? undefined : producer.disconnect()]);
    },
  };
}

/** The offset behind the letters that were sent, up to the first that was not. */
function markOf(start: bigint, visited: PartitionState["visited"]): bigint {
  const first = visited.findIndex(({ isRemoved }) => !isRemoved);
  const sent = first === -1 ? visited : visited.slice(0, first);
  return sent.length === 0 ? start : sent.at(-1)!.offset + 1n;
}

/** Reads some partitions up to where they ended when the place was opened. */
async function readPartitions(
  source: Consumer,
  { topic, partitions }: Parts,
  wanted: Set<number>,
  max: number,
  visitor: (delivery: Delivery, state: PartitionState) => Promise<boolean>,
): Promise<void> {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  ended.catch(() => undefined);
  let left = max;
  const state = { isOver: false };
  const end = (): void => {
    state.isOver = true;
    resolve();
  };
  let progress = Promise.withResolvers<void>();
  source.on("consumer.crash", ({ payload: { error } }) => reject(error));
  const eachBatch = async (batch: Batch, heartbeat: () => Promise<void>): Promise<void> => {
    const partition = partitions.get(batch.partition);
    if (partition === undefined || !wanted.has(batch.partition)) return;
    for (const delivery of batch.messages) {
      const offset = BigInt(delivery.offset);
      if (state.isOver || offset >= partition.end) break;
      if (offset < partition.start) continue;
      left -= 1;
      if (!(await visitor(delivery, partition)) || left === 0) return end();
      await heartbeat();
    }
    if (BigInt(batch.lastOffset()) >= partition.end - 1n) wanted.delete(batch.partition);
    if (wanted.size === 0) end();
  };
  const inTurn = async (batch: Batch, heartbeat: () => Promise<void>): Promise<void> => {
    if (state.isOver) return;
    // kafkajs would call again for the same letters.
    await eachBatch(batch, heartbeat).catch((error: unknown) => {
      state.isOver = true;
      reject(error);
    });
    progress.resolve();
    progress = Promise.withResolvers<void>();
  };
  await inTime("connect to Kafka", source.connect());
  await inTime("find the topic", source.subscribe({ topics: [topic], fromBeginning: true }));
  await inTime(
    "join the group of this command",
    source.run({ autoCommit: false, eachBatch: (given) => inTurn(given.batch, () => given.heartbeat()) }),
  );
  while (!state.isOver) await Promise.race([ended, inTime("hand over letters", progress.promise)]);
  await ended;
}

/** Commits offsets of the group: it has to be a member for that. */
async function commit(
  member: Consumer,
  topic: string,
  offsets: { topic: string; partition: number; offset: string }[],
): Promise<void> {
  const joined = Promise.withResolvers<void>();
  member.on("consumer.group_join", () => joined.resolve());
  member.on("consumer.crash", ({ payload: { error } }) => joined.reject(error));
  try {
    await member.connect();
    await member.subscribe({ topics: [topic], fromBeginning: false });
    await member.run({ autoCommit: false, eachBatch: async () => undefined });
    await joined.promise;
    await member.commitOffsets(offsets);
  } finally {
    await member.disconnect();
  }
}

/** A header may come several times: the last one counts. */
function headerText(value: HeaderValue): string | undefined {
  return (Array.isArray(value) ? value.at(-1) : value)?.toString();
}

function letterOf({ key, value, timestamp, headers = {} }: Delivery): Letter {
  const texts = Object.entries(headers).flatMap(([name, header]) => {
    const text = headerText(header);
    return text === undefined || name === "id" ? [] : [[name, text] as const];
  });
  const place = headerText(headers["dead-letter-place"]);
  const at = Number(timestamp);
  return readLetter({
    id: headerText(headers["id"]),
    topic: headerText(headers["dead-letter-source"]) ?? "",
    orderingKey: key?.toString(),
    headers: Object.fromEntries(texts),
    body: value ?? new Uint8Array(),
    at: Number.isFinite(at) ? at : undefined,
    // Letters of before have the address of their message alone: topic/partition:offset.
    source: /^(.+)\/\d+:\d+$/.exec(place ?? "")?.[1],
  });
}
