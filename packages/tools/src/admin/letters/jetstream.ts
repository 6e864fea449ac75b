import type { JetstreamPublisher, NatsHeaders } from "once-again/internal";
import { loadDrivers } from "once-again/internal/command";
import { publishToJetstream } from "once-again/outbox";
import { type HeldLetter, inTime, type Letter, type LetterPlace, messageOf, readLetter } from "./letter.ts";

/** The part of `@nats-io/transport-node` that we use. */
interface Transport {
  connect(options: object): Promise<{ close(): Promise<void> }>;
  readonly headers: () => NatsHeaders;
}

/** The part of `@nats-io/jetstream` that we use. */
interface Jetstream {
  jetstream(connection: unknown): JetstreamPublisher<NatsHeaders>;
  jetstreamManager(connection: unknown): Promise<{ readonly streams: Streams }>;
}

interface Streams {
  find(subject: string): Promise<string>;
  info(
    stream: string,
    options: { subjects_filter: string },
  ): Promise<{ readonly state: { readonly last_seq: number; readonly subjects?: Readonly<Record<string, number>> } }>;
  getMessage(stream: string, query: { seq: number; next_by_subj: string }): Promise<Stored | null>;
  deleteMessage(stream: string, seq: number, erase: boolean): Promise<boolean>;
}

interface Stored {
  readonly subject: string;
  readonly seq: number;
  readonly time: Date;
  readonly header: { keys(): string[]; get(name: string): string };
  readonly data: Uint8Array;
}

/** Opens a subject of dead letters, which a stream of JetStream has. */
export async function openJetstreamLetters(url: URL, subject: string): Promise<LetterPlace> {
  const [transport, driver] = loadDrivers("NATS", ["@nats-io/transport-node", "@nats-io/jetstream"]) as [
    Transport,
    Jetstream,
  ];
  const { host, username, password } = url;
  const connection = await inTime(
    "connect to NATS",
    transport.connect({
      servers: host,
      timeout: 8000,
      reconnect: false,
      ...(username !== "" && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    }),
  );
  try {
    const { streams } = await inTime("find JetStream", driver.jetstreamManager(connection));
    const stream = await inTime("find the stream", streams.find(subject)).catch((cause: unknown) => {
      const why = `No stream of JetStream has the subject ${JSON.stringify(subject)}`;
      throw new Error(`${why}: ${(cause as Error).message}.`, { cause });
    });
    const publisher = driver.jetstream(connection);
    const send = async (letter: Letter, to: string): Promise<boolean> => {
      const publish = publishToJetstream(publisher, { headers: transport.headers, subject: () => to });
      const message = messageOf(letter as Letter & { id: string }, Date.now());
      const confirmed = await inTime("confirm the send", publish(message, { signal: AbortSignal.timeout(60_000) }));
      return confirmed?.isDuplicate !== true;
    };
    return { ...placeOf(streams, stream, subject, send), close: () => connection.close() };
  } catch (error) {
    void connection.close().catch(() => undefined);
    throw error;
  }
}

function placeOf(
  streams: Streams,
  stream: string,
  subject: string,
  send: (letter: Letter, to: string) => Promise<boolean>,
): Omit<LetterPlace, "close"> {
  const look = async () =>
    (await inTime("look at the stream", streams.info(stream, { subjects_filter: subject }))).state;
  const next = (seq: number): Promise<Stored | null> =>
    inTime("hand over a letter", streams.getMessage(stream, { seq, next_by_subj: subject }));
  const hold = (stored: Stored): HeldLetter => {
    const letter = letterOf(stored);
    return {
      letter,
      send: (to) => send(letter, to),
      remove: async () => void (await inTime("remove the letter", streams.deleteMessage(stream, stored.seq, false))),
    };
  };
  return {
    async count() {
      const { subjects = {} } = await look();
      return Object.values(subjects).reduce((sum, one) => sum + one, 0);
    },
    async visit(max, visitor) {
      const { last_seq: last } = await look();
      for (let [seq, left] = [1, max]; left > 0; left -= 1) {
        const stored = await next(seq);
        if (stored === null || stored.seq > last) return;
        if (!(await visitor(hold(stored)))) return;
        seq = stored.seq + 1;
      }
    },
    finish: async () => undefined,
    notice: () => undefined,
  };
}

/** Headers that NATS reads itself: the id is sent anew, and the others were for the letter. */
const brokersHeader = /^nats-/;

function letterOf({ subject, time, header, data }: Stored): Letter {
  const names = header?.keys() ?? [];
  const texts = new Map(names.map((name) => [name.toLowerCase(), header.get(name)]));
  const own = new Set(["topic", "ordering-key"]);
  return readLetter({
    id: texts.get("nats-msg-id") || undefined,
    topic: texts.get("topic") ?? subject,
    orderingKey: texts.get("ordering-key"),
    headers: Object.fromEntries([...texts].filter(([name]) => !own.has(name) && !brokersHeader.test(name))),
    body: data,
    at: time.getTime(),
  });
}
