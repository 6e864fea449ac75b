import { OnceAgainError } from "once-again";
import { LiveLab } from "../../lab/live/live-lab.ts";
import type { LiveSettings, OrderFilter, ProcessName } from "../../lab/live/live-protocol.ts";
import { liveDefaults } from "../../lab/live/live-settings.ts";
import type { BrokerChoice } from "../../lab/messages/brokers/open-broker.ts";
import { LiveMessages } from "../../lab/messages/live/live-messages.ts";
import { type MessagesSettings, roleNames } from "../../lab/messages/live/messages-protocol.ts";
import { messagesDefaults } from "../../lab/messages/live/messages-settings.ts";
import type { Order } from "../../lab/orders.ts";
import { keysSection } from "../keys/keys-section.ts";
import { liveChannel } from "../live-channel.ts";
import { type ConsoleResponse, type LiveEvent, refusal, type Route, type Section } from "../route.ts";

/** What the lab's page begins with. */
export interface LabSectionOptions {
  /** At least one. */
  readonly orders: readonly Order[];
  /** Default: those of the live lab. */
  readonly settings?: Partial<LiveSettings>;
  /** What the story of messages begins with. Default: that of the live story. */
  readonly messages?: Partial<MessagesSettings>;
  /** Between the services and the shippings of that story. Default: one in the lab itself. */
  readonly broker?: BrokerChoice | undefined;
}

const filters: readonly OrderFilter[] = ["all", "charged-twice", "lost", "in-doubt", "replayed"];
const processNames: readonly ProcessName[] = ["api", "careless", "safe"];

/** So many orders are shown at a time. */
const pageRowsMax = 25;

const done: ConsoleResponse = { json: {} };

/** The lab, live: one for everybody who has the page open; and the keys of its API. */
export function labSections(options: LabSectionOptions): readonly [lab: Section, keys: Section] {
  const { orders, broker = { kind: "embedded", url: "" } } = options;
  const lab = new LiveLab(orders, { ...liveDefaults, ...options.settings });
  const messages = new LiveMessages({ orders, broker, settings: { ...messagesDefaults, ...options.messages } });
  const keys = keysSection({ store: () => lab.keys, replays: () => lab.replays });
  // Who looks at the keys wants them to move: the lab goes on for them too.
  const watch: Route = (request) => {
    request.signal.addEventListener(
      "abort",
      lab.watch(() => undefined),
      { once: true },
    );
    return keys.routes["GET watch"]!(request);
  };
  return [labSection(lab, messages), { ...keys, routes: { ...keys.routes, "GET watch": watch } }];
}

function labSection(lab: LiveLab, messages: LiveMessages): Section {
  return {
    name: "lab",
    routes: {
      ...stageRoutes("", lab),
      "GET orders": ({ query }) => {
        const filter = filters.find((name) => name === (query.get("show") ?? "all"));
        const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
        if (filter === undefined) return refusal(400, `show must be one of ${filters.join(", ")}.`);
        if (!Number.isSafeInteger(before)) return refusal(400, "before must be the number of an order.");
        return { json: lab.orders(filter, before, pageRowsMax) };
      },
      "POST kill": killRoute(processNames, (name) => lab.kill(name)),
      ...stageRoutes("messages/", messages),
      "POST messages/kill": killRoute(roleNames, (role) => messages.kill(role)),
    },
    async close() {
      await Promise.all([lab[Symbol.asyncDispose](), messages[Symbol.asyncDispose]()]);
    },
  };
}

/** What can be watched and told to go on. */
interface Stage {
  watch(onUpdate: (update: unknown) => void): () => void;
  snapshot(): unknown;
  start(): Promise<void>;
  pause(): void;
  step(): Promise<void>;
  reset(): Promise<void>;
  change(change: unknown): void;
}

function stageRoutes(prefix: string, stage: Stage): Readonly<Record<string, Route>> {
  const command = (run: () => unknown): Route => {
    return async () => {
      await run();
      return done;
    };
  };
  return {
    [`GET ${prefix}live`]: ({ signal }) => ({ events: liveEvents(stage, signal) }),
    [`POST ${prefix}start`]: command(() => stage.start()),
    [`POST ${prefix}pause`]: command(() => stage.pause()),
    [`POST ${prefix}step`]: command(() => stage.step()),
    [`POST ${prefix}reset`]: command(() => stage.reset()),
    [`POST ${prefix}settings`]: ({ body }) => {
      try {
        stage.change(body);
        return done;
      } catch (error) {
        if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return refusal(400, error.message);
        throw error;
      }
    },
  };
}

function killRoute<Name extends string>(names: readonly Name[], kill: (name: Name) => Promise<void>): Route {
  return async ({ body }) => {
    const name = names.find((name) => name === (body as { process?: unknown } | undefined)?.process);
    if (name === undefined) return refusal(400, `process must be one of ${names.join(", ")}.`);
    await kill(name);
    return done;
  };
}

/** A snapshot, and what changes from then on. Who listens is one of the watchers. */
async function* liveEvents(stage: Stage, signal: AbortSignal): AsyncGenerator<LiveEvent> {
  const channel = liveChannel();
  const events = channel.watch(signal);
  const leave = stage.watch((data) => channel.publish({ event: "update", data }));
  try {
    yield { event: "snapshot", data: stage.snapshot() };
    yield* events;
  } finally {
    leave();
  }
}
