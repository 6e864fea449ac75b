import { OnceAgainError } from "once-again";
import type { LiveLab } from "../../lab/live/live-lab.ts";
import type { OrderFilter, ProcessName } from "../../lab/live/live-protocol.ts";
import type { LiveStage, StagedRun } from "../../lab/live/live-stage.ts";
import { liveChannel } from "../live-channel.ts";
import { type ConsoleResponse, type LiveEvent, refusal, type Route } from "../route.ts";

const filters: readonly OrderFilter[] = ["all", "charged-twice", "lost", "in-doubt", "replayed"];
const processNames: readonly ProcessName[] = ["api", "careless", "safe"];

/** So many orders are shown at a time. */
const pageRowsMax = 25;

const done: ConsoleResponse = { json: {} };

/** The routes of the live lab, wherever its runs are. */
export function labRoutes(lab: LiveLab): Readonly<Record<string, Route>> {
  return {
    ...storyRoutes("", lab),
    "GET orders": ({ query }) => {
      const filter = filters.find((name) => name === (query.get("show") ?? "all"));
      const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
      if (filter === undefined) return refusal(400, `show must be one of ${filters.join(", ")}.`);
      if (!Number.isSafeInteger(before)) return refusal(400, "before must be the number of an order.");
      return { json: lab.orders(filter, before, pageRowsMax) };
    },
    "POST kill": killRoute(processNames, (name) => lab.kill(name)),
  };
}

/** A story with runs that can be watched, started and stopped. */
interface Story {
  readonly stage: Pick<LiveStage<StagedRun, unknown>, "watch" | "start" | "pause" | "step" | "reset">;
  snapshot(): unknown;
  change(change: unknown): void;
}

/** The routes of a story, below a prefix. */
export function storyRoutes(prefix: string, story: Story): Readonly<Record<string, Route>> {
  const command = (run: () => unknown): Route => {
    return async () => {
      await run();
      return done;
    };
  };
  const { stage } = story;
  return {
    [`GET ${prefix}live`]: ({ signal }) => ({ events: liveEvents(story, signal) }),
    [`POST ${prefix}start`]: command(() => stage.start()),
    [`POST ${prefix}pause`]: command(() => stage.pause()),
    [`POST ${prefix}step`]: command(() => stage.step()),
    [`POST ${prefix}reset`]: command(() => stage.reset()),
    [`POST ${prefix}settings`]: ({ body }) => {
      try {
        story.change(body);
        return done;
      } catch (error) {
        if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return refusal(400, error.message);
        throw error;
      }
    },
  };
}

/** The route that kills one of some processes. */
export function killRoute<Name extends string>(names: readonly Name[], kill: (name: Name) => Promise<void>): Route {
  return async ({ body }) => {
    const name = names.find((name) => name === (body as { process?: unknown } | undefined)?.process);
    if (name === undefined) return refusal(400, `process must be one of ${names.join(", ")}.`);
    await kill(name);
    return done;
  };
}

/** A snapshot, and what changes from then on. Who listens is one of the watchers. */
async function* liveEvents(story: Story, signal: AbortSignal): AsyncGenerator<LiveEvent> {
  const channel = liveChannel();
  const events = channel.watch(signal);
  const leave = story.stage.watch((data) => channel.publish({ event: "update", data }));
  try {
    yield { event: "snapshot", data: story.snapshot() };
    yield* events;
  } finally {
    leave();
  }
}
