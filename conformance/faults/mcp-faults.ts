import { setTimeout } from "node:timers/promises";
import {
  type McpModel,
  type Members,
  type ModelTool,
  TaskError,
  textContent,
  type ToolCall,
} from "./right-mcp-server.ts";

/** A fault of an MCP server: the case that must find it, and a change to the right server. */
export interface McpFault {
  readonly breaks: string;
  readonly change: (server: McpModel) => Partial<McpModel>;
}

type Change = McpFault["change"];

/** The right server of which this one is a change. */
export const right = <Server extends McpModel>(server: Server): Server => Object.getPrototypeOf(server) as Server;

/** How long a race is waited for, milliseconds. All of its calls are sent at once, so only a lone call waits that long. */
const raceMsMax = 2000;

/** Calls run until one meets another. The first of all, by which a runner learns how long a call takes, meets none. */
function untilMet(server: McpModel): {
  readonly meet: () => void;
  readonly work: (call: ToolCall) => Promise<Members>;
} {
  const met = Promise.withResolvers<void>();
  return {
    meet: () => met.resolve(),
    async work(call) {
      if (server.effects > 0) await Promise.race([met.promise, setTimeout(raceMsMax, undefined, { ref: false })]);
      return right(server).work.call(server, call);
    },
  };
}

/** A server in which a call runs until the change calls `meet`, since another call has come. */
export const racing =
  (change: (server: McpModel, meet: () => void) => Partial<McpModel>): Change =>
  (server) => {
    const { meet, work } = untilMet(server);
    return { work, ...change(server, meet) };
  };

/** A server that lists the tool in another way. */
const listing =
  (change: (tool: ModelTool) => Partial<ModelTool>): Change =>
  (server) => ({
    tools(session) {
      const [tool, ...others] = right(server).tools.call(server, session);
      return [{ ...tool!, ...change(tool!) }, ...others];
    },
  });

/** A server that takes more than the right keys. */
export const takingKeys =
  (wrong: (key: unknown) => boolean): Change =>
  (server) => ({ checkKey: (key) => (wrong(key) ? String(key) : right(server).checkKey.call(server, key)) });

const changingKeys =
  (change: (key: string) => string): Change =>
  (server) => ({ checkKey: (key) => change(right(server).checkKey.call(server, key)) });

/** A server that compares more than the arguments. */
export const comparing =
  (more: (call: ToolCall) => unknown): Change =>
  (server) => ({ payload: (call) => `${right(server).payload.call(server, call)} ${JSON.stringify(more(call))}` });

const naming =
  (name: (server: McpModel, call: ToolCall) => string): Change =>
  (server) => ({ recordName: (call) => name(server, call) });

/** A server that has one table of keys for all callers. */
const sharingKeys = naming((server, call) => server.checkKey(server.keyOf(call)));

/** A server that forgets a record after a call of its key. */
const forgetting =
  (isOver: (server: McpModel, name: string) => boolean): Change =>
  (server) => ({
    async once(call) {
      const name = server.recordName(call);
      const answer = await right(server).once.call(server, call);
      if (isOver(server, name)) server.records.delete(name);
      return answer;
    },
  });

/** A server that forgets records after a while, in milliseconds. */
export const forgettingAfter =
  (retentionMs: number): Change =>
  (server) => {
    const storedAt = new Map<string, number>();
    return {
      async once(call) {
        const name = server.recordName(call);
        if (performance.now() - (storedAt.get(name) ?? Infinity) > retentionMs) server.records.delete(name);
        const answer = await right(server).once.call(server, call);
        if (!storedAt.has(name)) storedAt.set(name, performance.now());
        return answer;
      },
    };
  };

interface Cancellations {
  readonly cancelled: (session: string, id: number) => void;
  /** Whether the call is already cancelled when it comes. */
  readonly note: (call: ToolCall) => boolean;
}

/** Notes which calls were cancelled. The notification may overtake its call. */
function cancellations(server: McpModel, cancel: (name: string) => void): Cancellations {
  const cancelled = new Set<string>();
  const names = new Map<string, string>();
  return {
    cancelled: (session, id) => {
      cancelled.add(`${session} ${id}`);
      const name = names.get(`${session} ${id}`);
      if (name !== undefined) cancel(name);
    },
    note: (call) => {
      names.set(`${call.session} ${call.id}`, server.recordName(call));
      return cancelled.has(`${call.session} ${call.id}`);
    },
  };
}

/** A cancellation takes the key along, and the call goes on. */
function freeingAtCancellation(server: McpModel): Partial<McpModel> {
  const { cancelled, note } = cancellations(server, (name) => server.records.delete(name));
  return { cancelled, once: (call) => (note(call) ? server.work(call) : right(server).once.call(server, call)) };
}

/** A caller that is gone takes its key along. */
function freeingAtHangUp(server: McpModel): Partial<McpModel> {
  const gone = new WeakSet<ToolCall>();
  let first: string | undefined;
  return {
    async work(call) {
      void call.gone.then(() => gone.add(call));
      // Calls are lost over another connection than the first.
      first ??= call.session;
      if (call.session !== first) await Promise.race([call.gone, setTimeout(raceMsMax, undefined, { ref: false })]);
      return right(server).work.call(server, call);
    },
    succeeded(name, record, answer, call) {
      if (gone.has(call)) server.records.delete(name);
      else right(server).succeeded.call(server, name, record, answer, call);
    },
  };
}

const refuse = (code: string, message: string): never => {
  throw new TaskError(code, message);
};

/** At least one fault for each case of the practice. */
export const practiceFaults: Readonly<Record<string, McpFault>> = {
  // The list of tools
  "no-tools-are-listed": { breaks: "MT01", change: () => ({ tools: () => [] }) },
  "two-tools-of-one-name": { breaks: "MT02", change: listing(() => ({ name: "count_orders" })) },
  "a-name-with-spaces": { breaks: "MT03", change: listing(() => ({ name: "order an item" })) },
  "a-schema-without-a-type": { breaks: "MT04", change: listing(() => ({ inputSchema: {} })) },
  "no-annotations": { breaks: "MT05", change: listing(() => ({ annotations: {} })) },
  "reads-and-destroys": {
    breaks: "MT06",
    change: listing(() => ({ annotations: { readOnlyHint: true, destructiveHint: true } })),
  },
  "the-model-is-asked-to-make-a-key": {
    breaks: "MT07",
    change: listing(() => ({ description: "Orders an item. Generate an idempotency key for each order." })),
  },
  "the-key-is-an-argument": {
    breaks: "MT08",
    change: listing(({ inputSchema }) => ({
      inputSchema: { ...inputSchema, properties: { item: { type: "string" }, idempotency_key: { type: "string" } } },
    })),
  },
  "keys-are-taken-in-silence": { breaks: "MT09", change: listing(() => ({ _meta: {} })) },
  "the-order-of-the-list-changes": {
    breaks: "MT10",
    change(server) {
      let asked = 0;
      return {
        tools(session) {
          const tools = right(server).tools.call(server, session);
          return (asked += 1) % 2 === 0 ? tools.toReversed() : tools;
        },
      };
    },
  },
  "the-first-connection-has-the-tools": {
    breaks: "MT11",
    change(server) {
      let first: string | undefined;
      return {
        tools(session) {
          first ??= session;
          return session === first ? right(server).tools.call(server, session) : [];
        },
      };
    },
  },
  "unknown-tools-have-an-empty-result": {
    breaks: "MT12",
    change: (server) => ({
      read: (call) => (call.name === server.countTool ? right(server).read.call(server, call) : textContent("")),
    }),
  },
  "an-unknown-cancellation-breaks-the-server": {
    breaks: "MT13",
    change(server) {
      let isBroken = false;
      return {
        cancelled: () => void (isBroken = true),
        ping: () =>
          isBroken ? { error: { code: -32_603, message: "internal error" } } : right(server).ping.call(server),
      };
    },
  },
  // Keys
  "idempotent-by-its-annotation-alone": {
    breaks: "MK01",
    change: (server) => ({
      once: (call) => (server.keyOf(call) === undefined ? server.work(call) : right(server).once.call(server, call)),
    }),
  },
  "a-refusal-asks-the-model-for-a-key": {
    breaks: "MK02",
    change: (server) => ({
      checkKey: (key) =>
        key === undefined
          ? refuse("NO_KEY", "Generate a unique key and call again.")
          : right(server).checkKey.call(server, key),
    }),
  },
  "the-empty-text-is-a-key": { breaks: "MK03", change: takingKeys((key) => key === "") },
  "objects-are-keys-by-their-name": { breaks: "MK04", change: takingKeys((key) => typeof key === "object") },
  "undefined-is-a-key": { breaks: "MK05", change: takingKeys((key) => key === "undefined") },
  "keys-in-lower-case": { breaks: "MK06", change: changingKeys((key) => key.toLowerCase()) },
  "keys-end-at-200": { breaks: "MK07", change: changingKeys((key) => key.slice(0, 200)) },
  "the-arguments-are-the-key": { breaks: "MK08", change: naming((server, call) => server.payload(call)) },
  "a-tool-that-only-reads-writes": {
    breaks: "MK09",
    change: listing(() => ({ annotations: { readOnlyHint: true } })),
  },
  // Repeats
  "no-memory-of-calls": { breaks: "MR01", change: naming(() => crypto.randomUUID()) },
  "a-repeat-says-that-it-was-done": {
    breaks: "MR02",
    change: () => ({ replayed: () => ({ text: "This was ordered before.", replayed: true }) }),
  },
  "repeats-look-like-first-calls": { breaks: "MR03", change: () => ({ replayed: (answer) => answer }) },
  "a-repeat-uses-the-record-up": {
    breaks: "MR04",
    change: forgetting(({ records }, name) => (records.get(name)?.replays ?? 0) > 0),
  },
  "keys-belong-to-their-connection": {
    breaks: "MR05",
    change: naming((server, call) => `${call.session} ${right(server).recordName.call(server, call)}`),
  },
  "the-progress-token-is-compared": { breaks: "MR06", change: comparing(({ meta }) => meta["progressToken"]) },
  "arguments-are-compared-in-their-order": { breaks: "MR07", change: comparing(({ args }) => args) },
  "calls-are-forgotten-after-30-ms": { breaks: "MR08", change: forgettingAfter(30) },
  "four-calls-are-remembered": {
    breaks: "MR09",
    change: forgetting(({ records }, name) => {
      for (const old of [...records.keys()].slice(0, -4)) records.delete(old);
      return !records.has(name);
    }),
  },
  // Fingerprint
  "other-arguments-run": { breaks: "MF01", change: (server) => ({ conflict: (_record, call) => server.work(call) }) },
  "other-arguments-get-the-first-result": { breaks: "MF02", change: () => ({ conflict: ({ answer }) => answer! }) },
  "a-conflict-frees-the-key": {
    breaks: "MF03",
    change: (server) => ({
      conflict(record, call) {
        server.records.delete(server.recordName(call));
        return right(server).conflict.call(server, record, call);
      },
    }),
  },
  // Concurrency
  "duplicates-of-a-running-call-run": {
    breaks: "MC01",
    change: racing((server, meet) => ({
      running(_record, call) {
        meet();
        return server.work(call);
      },
    })),
  },
  "duplicates-are-refused-for-good": {
    breaks: "MC02",
    change: racing((_server, meet) => ({
      running() {
        meet();
        return refuse("KEY_REUSED", "This key was used.");
      },
    })),
  },
  "a-lock-for-each-connection": {
    breaks: "MC03",
    change(server) {
      const { meet, work } = untilMet(server);
      const sessions = new Map<string, string>();
      return {
        async work(call) {
          sessions.set(server.recordName(call), call.session);
          return work(call);
        },
        running(record, call) {
          meet();
          const isOwn = sessions.get(server.recordName(call)) === call.session;
          return isOwn ? right(server).running.call(server, record, call) : server.work(call);
        },
      };
    },
  },
  "one-lock-for-all-calls": {
    breaks: "MC04",
    change: racing((server, meet) => {
      let running = 0;
      return {
        async once(call) {
          if (running > 0) {
            meet();
            return refuse("BUSY", "One at a time, please.");
          }
          running += 1;
          return right(server)
            .once.call(server, call)
            .finally(() => (running -= 1));
        },
      };
    }),
  },
  // Cancellation and lost connections
  "a-cancellation-frees-the-key": { breaks: "MD01", change: freeingAtCancellation },
  "cancelled-calls-are-refused-for-good": {
    breaks: "MD02",
    change(server) {
      const given = new Set<string>();
      const { cancelled, note } = cancellations(server, (name) => given.add(name));
      return {
        cancelled,
        async once(call) {
          if (note(call)) given.add(server.recordName(call));
          if (given.has(server.recordName(call))) return refuse("CANCELLED", "This call was cancelled.");
          return right(server).once.call(server, call);
        },
      };
    },
  },
  "a-lost-connection-frees-the-key": { breaks: "MD03", change: freeingAtHangUp },
  "a-running-call-dies-with-its-connection": { breaks: "MD04", change: freeingAtHangUp },
  "results-are-stored-for-callers-that-are-there": { breaks: "MD05", change: freeingAtHangUp },
  "each-cancellation-frees-the-key": { breaks: "MD06", change: freeingAtCancellation },
  // Errors
  "no-arguments-are-an-order": {
    breaks: "ME01",
    change: (server) => ({
      takesArguments: () => true,
      work: (call) =>
        right(server).work.call(server, typeof call.args === "object" ? call : { ...call, args: { item: "anything" } }),
    }),
  },
  "keys-are-taken-before-arguments": { breaks: "ME02", change: () => ({ takesArguments: () => true }) },
  "effects-before-refusals": {
    breaks: "ME03",
    change: (server) => ({
      refused(name, record, error) {
        server.effects += 1;
        right(server).refused.call(server, name, record, error);
      },
    }),
  },
  "each-refusal-has-another-number": {
    breaks: "ME04",
    change(server) {
      let refusals = 0;
      return {
        errorResult({ members }): Members {
          refusals += 1;
          return right(server).errorResult.call(
            server,
            new TaskError("", `${String(members["message"])} (${refusals})`),
          );
        },
      };
    },
  },
  // Scope
  "callers-share-a-table-of-keys": {
    breaks: "MS01",
    change: sharingKeys,
  },
  "a-caller-gets-the-result-of-another": {
    breaks: "MS02",
    change: sharingKeys,
  },
  "repeats-need-no-credentials": {
    breaks: "MS03",
    change: (server) => ({
      admits: ({ headers }) => headers.authorization ?? "anonymous",
      recordName: (call) => server.checkKey(server.keyOf(call)),
    }),
  },
};

/** Faults of servers that are held to the Universal Commerce Protocol over MCP. */
export const ucpFaults: Readonly<Record<string, McpFault>> = {
  "the-id-of-the-request-is-the-key": {
    breaks: "MR01",
    change: naming((_server, { id, session }) => `${session} ${id}`),
  },
  "the-id-of-the-request-is-compared": { breaks: "MR02", change: comparing(({ id }) => id) },
  "keys-are-stored-for-30-ms": { breaks: "MR08", change: forgettingAfter(30) },
  "an-equal-checkout-is-a-repeat": { breaks: "MK08", change: naming((server, call) => server.payload(call)) },
  "a-checkout-of-other-items-runs": {
    breaks: "MF01",
    change: (server) => ({ conflict: (_record, call) => server.work(call) }),
  },
  "a-conflict-is-answered-by-the-first-checkout": {
    breaks: "MF02",
    change: () => ({ conflict: ({ answer }) => answer! }),
  },
  "platforms-share-a-table-of-keys": {
    breaks: "MS01",
    change: sharingKeys,
  },
};
