import { requireText, invalidOptionError } from "../core/options.ts";
import { fingerprint } from "../key/index.ts";
import type { CallPosition } from "./match-call.ts";
import type { PlannedCall, RunHistory, RunRules } from "./run-options.ts";

/** Says by what the calls of one process are known. */
export interface CallPositions {
  /** @param fingerprintCall of a call's tool and input. */
  locate(call: PlannedCall, fingerprintCall: FingerprintCall): Promise<CallPosition>;
}

/** The fingerprint of a call: SHA-256, hexadecimal, of its arguments as canonical JSON. */
export type FingerprintCall = (tool: string, input: unknown) => Promise<string>;

export function callPositions(rules: RunRules): CallPositions {
  /** Of each answer of the model, the ids of its equal calls, in the order in which they came. */
  const answers = new WeakMap<object, Map<string, unknown[]>>();

  const indexOf = (answer: object, call: string, callId: unknown): number => {
    let calls = answers.get(answer);
    if (calls === undefined) answers.set(answer, (calls = new Map()));
    const ids = calls.get(call) ?? [];
    calls.set(call, ids);
    const known = ids.indexOf(callId);
    return known === -1 ? ids.push(callId) - 1 : known;
  };

  return {
    async locate(call, fingerprintCall) {
      const step = rules.step?.(call);
      if (step !== undefined) return { rule: "step", step: requireText("step()", step) };
      const name = `${call.tool} ${await fingerprintCall(call.tool, call.input)}`;
      const history = rules.history === undefined ? aiHistory(call) : rules.history(call);
      if (history === undefined) return { rule: "occurrence", isReplayed: rules.isReplayed };
      if (!Array.isArray(history.calls) || !Array.isArray(history.entries))
        throw invalidOptionError(
          "history",
          "a function that returns { entries, calls } or undefined, at once",
          history,
        );
      const answer = history.answer ?? {};
      const counts = new Map<string, number>();
      for (const { tool, input } of history.calls.filter((earlier) => earlier.tool === call.tool)) {
        const seen = await fingerprintCall(tool, input);
        counts.set(seen, (counts.get(seen) ?? 0) + 1);
      }
      return {
        rule: "history",
        history: await hash(history.entries),
        root: await hash(history.entries.slice(0, 1)),
        index: indexOf(answer, name, history.callId ?? {}),
        answer,
        seen: (of) => counts.get(of) ?? 0,
      };
    },
  };
}

function hash(entries: readonly unknown[]): Promise<string> {
  const body = new TextEncoder().encode(JSON.stringify(entries));
  return fingerprint({ method: "HISTORY", path: "", query: "", contentType: "application/json", body });
}

/** The parts that are used of the options that the AI SDK hands to `execute`. */
interface AiOptions {
  readonly toolCallId: string;
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

interface AiPart {
  readonly type?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly input?: unknown;
  readonly output?: { readonly type?: string } | undefined;
}

/** The messages that the AI SDK hands over with each call: one array for all calls of one answer of the model. */
function aiHistory({ options }: PlannedCall): RunHistory | undefined {
  const { toolCallId, messages } = (options ?? {}) as Partial<AiOptions>;
  if (typeof toolCallId !== "string" || !Array.isArray(messages)) return undefined;
  const parts = (messages as AiOptions["messages"]).flatMap(({ content }) =>
    Array.isArray(content) ? (content as AiPart[]) : [],
  );
  // Of a call that failed the model has seen no effect.
  const results = parts.filter(({ type, output }) => type === "tool-result" && !output?.type?.startsWith("error"));
  const answered = new Set(results.map((part) => part.toolCallId));
  const calls = parts.flatMap(({ type, toolCallId: id, toolName, input }) =>
    type === "tool-call" && toolName !== undefined && answered.has(id) ? [{ tool: toolName, input }] : [],
  );
  return { entries: withoutIds(messages), calls, answer: messages, callId: toolCallId };
}

/** A model that says the same again gives its calls other ids: they are numbered instead, in the order in which they come. */
function withoutIds(messages: readonly unknown[]): readonly unknown[] {
  const numbers = new Map<unknown, number>();
  const toNumber = (id: unknown): number => {
    const number = numbers.get(id) ?? numbers.size;
    numbers.set(id, number);
    return number;
  };
  const text = JSON.stringify(messages, (name, value: unknown) => (name === "toolCallId" ? toNumber(value) : value));
  return JSON.parse(text) as unknown[];
}
