import { OnceAgainError } from "../../core/errors.ts";
import { recordBrokenError } from "../check-record.ts";
import type { AsyncStore, ClaimAnswer, ClaimRequest, InspectedRecord, RecordName } from "../store.ts";
import { type Argument, argumentOf, type RecordCommands } from "./commands.ts";
import { redisKey } from "./names.ts";
import { escapeField, runningLifeMs, stepBytes, wholeMs } from "./record-format.ts";
import { claimReply, inspectedOf } from "./replies.ts";
import { brokenReply, operationScript, releaseScript, type Script } from "./script.ts";

/** The operations of the port on one record, each decided on the server. */
export interface ScriptOperations extends Pick<
  AsyncStore,
  "complete" | "renew" | "release" | "checkpoint" | "resolve"
> {
  /** Answers with the server's time as well. */
  claim(request: ClaimRequest): Promise<{ serverMs: number; answer: ClaimAnswer }>;
  /** Only of a record in the state that is wanted. */
  inspect(name: RecordName, state?: InspectedRecord["state"]): Promise<InspectedRecord | undefined>;
}

export function scriptOperations(commands: RecordCommands, prefix: string): ScriptOperations {
  const run = async (script: Script, name: RecordName, ...rest: Argument[]): Promise<unknown> => {
    try {
      return await commands.run(script, redisKey(prefix, name), ...rest);
    } catch (error) {
      throw explainError(name, error);
    }
  };
  const change = async (...parameters: Parameters<typeof run>): Promise<boolean> =>
    Number(await run(...parameters)) === 1;

  return {
    async claim(request) {
      const { fingerprint, owner, leaseMs, takeOverAfterMs = "" } = request;
      const texts = [escapeField(fingerprint), escapeField(owner)];
      const times = [wholeMs(leaseMs), runningLifeMs(request), takeOverAfterMs].map(String);
      return claimReply(request, await run(operationScript, request, "claim", ...texts, ...times));
    },
    complete({ owner, result, retentionMs, ...name }) {
      const rest = [argumentOf(result), String(wholeMs(retentionMs))];
      return change(operationScript, name, "complete", escapeField(owner), ...rest);
    },
    renew: ({ owner, leaseMs, ...name }) =>
      change(operationScript, name, "renew", escapeField(owner), String(wholeMs(leaseMs))),
    release: ({ owner, ...name }) => change(releaseScript, name, "release", escapeField(owner)),
    checkpoint: ({ owner, step, result, ...name }) =>
      change(operationScript, name, "checkpoint", escapeField(owner), argumentOf(stepBytes(step, result))),
    resolve({ settlement, ...name }) {
      if (settlement.as === "not-executed") return change(releaseScript, name, "resolve", "not-executed");
      const { result, retentionMs, note = new Uint8Array() } = settlement;
      const rest = [argumentOf(result), String(wholeMs(retentionMs)), Buffer.from(note).toString("base64url")];
      return change(operationScript, name, "resolve", "done", ...rest);
    },
    async inspect(name, state) {
      const reply = await run(operationScript, name, "inspect", state ?? "").catch((error: unknown) => {
        // A key of another type.
        if (OnceAgainError.isInstance(error, "ONCE_RECORD_BROKEN")) return state === undefined ? unreadableReply : null;
        throw error;
      });
      return inspectedOf(name, reply);
    },
  };
}

/** What a key holds that is no text. */
const unreadableReply = [Buffer.from("broken"), Buffer.alloc(0), -1];

/** Says which record is broken, where that is what failed. */
export function explainError(name: RecordName, error: unknown): unknown {
  const isBroken = [brokenReply, "WRONGTYPE"].some((text) => String(error).includes(text));
  return isBroken ? recordBrokenError(name, "It can't be read.", error) : error;
}
