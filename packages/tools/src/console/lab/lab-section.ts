import { OnceAgainError } from "once-again";
import { LiveLab } from "../../lab/live/live-lab.ts";
import type { LiveSettings, OrderFilter, ProcessName } from "../../lab/live/live-protocol.ts";
import { liveDefaults } from "../../lab/live/live-settings.ts";
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
}

const filters: readonly OrderFilter[] = ["all", "charged-twice", "lost", "in-doubt", "replayed"];
const processNames: readonly ProcessName[] = ["api", "careless", "safe"];

/** So many orders are shown at a time. */
const pageRowsMax = 25;

const done: ConsoleResponse = { json: {} };

/** The lab, live: one for everybody who has the page open; and the keys of its API. */
export function labSections({ orders, settings = {} }: LabSectionOptions): readonly [lab: Section, keys: Section] {
  const lab = new LiveLab(orders, { ...liveDefaults, ...settings });
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
  return [labSection(lab), { ...keys, routes: { ...keys.routes, "GET watch": watch } }];
}

function labSection(lab: LiveLab): Section {
  const command = (run: () => unknown): Route => {
    return async () => {
      await run();
      return done;
    };
  };
  return {
    name: "lab",
    routes: {
      "GET live": ({ signal }) => ({ events: liveEvents(lab, signal) }),
      "GET orders": ({ query }) => {
        const filter = filters.find((name) => name === (query.get("show") ?? "all"));
        const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
        if (filter === undefined) return refusal(400, `show must be one of ${filters.join(", ")}.`);
        if (!Number.isSafeInteger(before)) return refusal(400, "before must be the number of an order.");
        return { json: lab.orders(filter, before, pageRowsMax) };
      },
      "POST start": command(() => lab.start()),
      "POST pause": command(() => lab.pause()),
      "POST step": command(() => lab.step()),
      "POST reset": command(() => lab.reset()),
      "POST settings": ({ body }) => {
        try {
          lab.change(body);
          return done;
        } catch (error) {
          if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return refusal(400, error.message);
          throw error;
        }
      },
      "POST kill": async ({ body }) => {
        const name = processNames.find((name) => name === (body as { process?: unknown } | undefined)?.process);
        if (name === undefined) return refusal(400, `process must be one of ${processNames.join(", ")}.`);
        await lab.kill(name);
        return done;
      },
    },
    close: () => lab[Symbol.asyncDispose](),
  };
}

/** A snapshot, and what changes from then on. Who listens is one of the lab's watchers. */
async function* liveEvents(lab: LiveLab, signal: AbortSignal): AsyncGenerator<LiveEvent> {
  const channel = liveChannel();
  const events = channel.watch(signal);
  const leave = lab.watch((data) => channel.publish({ event: "update", data }));
  try {
    yield { event: "snapshot", data: lab.snapshot() };
    yield* events;
  } finally {
    leave();
  }
}
