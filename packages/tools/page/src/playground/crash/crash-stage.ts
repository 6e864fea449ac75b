import { type Clock, seededRandom, sleep } from "once-again";
import { type PageApi, pageApi, type ServerStep } from "../page-api.ts";
import type { VirtualTime } from "../virtual-time.ts";
import { type CrashEvent, type CrashSettings, steps } from "./crash-settings.ts";

/** How long a dead server stays dead, milliseconds. */
const deadMs = 1500;

/** How long a claim holds: a dead server's key is free to be looked at after it, milliseconds. */
const leaseMs = 3000;

/** How long a message is on its way, milliseconds. */
const legMs = 40;

/** A server behind a network, and the crash that is to come. */
export interface CrashStage {
  readonly api: PageApi;
  /** Sends a request over the network. */
  readonly fetch: typeof globalThis.fetch;
  /** The clock of the caller. */
  readonly clock: Clock;
  /** The caller's call has ended. */
  endCall(): void;
  /** Settles when the server is back. */
  settled(): Promise<void>;
}

type Note = (what: CrashEvent["what"]) => void;

/** Sets the stage. Events are noted, one after the other. */
export function crashStage(settings: CrashSettings, time: VirtualTime, note: Note): CrashStage {
  const { clock } = time;
  const crash = openCrash(settings, clock, note);
  const { api } = crash;
  let isFirst = true;
  /** Time stands still while the caller reads what it got. */
  let endReading: () => void = () => undefined;

  const exchange = async (request: Request): Promise<Response> => {
    const broken = crash.hasHappened() ? never : crash.cut.promise;
    await sleep(clock, legMs);
    // Time stands still while the server is at work, too: its work waits for no timer.
    const endServing = time.hold();
    crash.onIdle = endServing;
    const response = await Promise.race([serve(request, crash, note).finally(endServing), broken]);
    await sleep(clock, legMs);
    return response;
  };
  return {
    api,
    async fetch(input, init) {
      note(isFirst ? "sent" : "sent-again");
      isFirst = false;
      try {
        const response = await exchange(new Request(input, init));
        endReading = time.hold();
        note(await readResponse(response));
        return response;
      } catch (error) {
        endReading = time.hold();
        throw error;
      }
    },
    // A caller that sets a timer has read its response.
    clock: {
      ...clock,
      timer(delayMs, callback) {
        endReading();
        return clock.timer(delayMs, callback);
      },
    },
    endCall: () => endReading(),
    settled: () => crash.settled(),
  };
}

const never = new Promise<never>(() => undefined);

/** The crash of a run, and the server that it meets. */
interface Crash {
  readonly api: PageApi;
  /** Rejects for the caller when the crash cuts its connection. */
  readonly cut: PromiseWithResolvers<never>;
  /** Called when the crash leaves the server without work. */
  onIdle: () => void;
  hasHappened(): boolean;
  /** Called before each step: the crash lies in front of the first one that is not before it. */
  before(step: (typeof steps)[number]): void;
  settled(): Promise<void>;
}

function openCrash({ at, crash: kind, effect, seed }: CrashSettings, clock: Clock, note: Note): Crash {
  let hasHappened = false;
  let back: Promise<void> = Promise.resolve();
  let rows = 0;
  const cut = Promise.withResolvers<never>();
  cut.promise.catch(() => undefined);

  const die = (): void => {
    note("died");
    if (api.die() > 0) note("rolled-back");
    crash.onIdle();
    back = sleep(clock, deadMs).then(() => {
      api.start();
      note("restarted");
    });
  };
  const before: Crash["before"] = (step) => {
    if (hasHappened || steps.indexOf(step) < at) return;
    hasHappened = true;
    if (kind === "server") die();
    else note("broke");
    cut.reject(new TypeError("The connection broke."));
  };
  const after = (step: ServerStep): void => {
    if (step === "arrived") return;
    // A provider that knows the key charges nothing; a row is there from its commit on.
    const { length } = api.database.charges;
    note(step === "charged" && effect !== "row" && length === rows ? "known" : step);
    rows = length;
  };
  const random = seededRandom(`${seed} server`);
  const api = pageApi({ clock, random, effect, leaseMs, before, after });
  const crash: Crash = {
    api,
    cut,
    onIdle: () => undefined,
    hasHappened: () => hasHappened,
    before,
    settled: () => back,
  };
  return crash;
}

/** The server's part of an exchange. It never settles when the crash takes its end away. */
async function serve(request: Request, crash: Crash, note: Note): Promise<Response> {
  const { api } = crash;
  const wasWhole = !crash.hasHappened();
  crash.before("arrived");
  if (!api.process.isAlive) {
    // The connection that the crash has cut says nothing more.
    if (wasWhole) return never;
    note("refused");
    throw new TypeError("The connection was refused.");
  }
  if (wasWhole && crash.hasHappened()) {
    // A request that is lost on its way arrives nowhere.
    crash.onIdle();
    return never;
  }
  const response = await api.serve(request);
  crash.before("confirmed");
  return api.process.isAlive ? response : never;
}

/** The event that a response is to its caller. */
async function readResponse(response: Response): Promise<CrashEvent["what"]> {
  if (response.ok) return response.headers.has("Idempotent-Replayed") ? "replayed" : "response";
  const text = await response.clone().text();
  return text.includes("ONCE_OUTCOME_UNKNOWN") ? "held" : "in-progress";
}
