import type { Awaitable } from "../../core/awaitable.ts";
import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { recordBrokenError } from "../../core/record-errors.ts";
import type {
  AsyncStore,
  ClaimAnswer,
  ClaimRequest,
  CompleteRequest,
  InspectedRecord,
  RecordName,
  ReleaseRequest,
} from "../store.ts";
import { ownedRecords } from "./owned-records.ts";
import { type Argument, argumentOf, type RecordCommands } from "./client.ts";
import {
  answerOfRecord,
  claimReply,
  detailsField,
  escapeField,
  firstAttemptFields,
  inspectedOf,
  measuredOf,
  recordLine,
  redisKey,
  releasedMs,
  runningLifeMs,
  stepBytes,
  wholeMs,
} from "./record-format.ts";
import { brokenReply, operationScript, releaseScript, type Script, sizesScript } from "./scripts.ts";
import { serverClock } from "./server-clock.ts";

/** The operations of the port on one record. */
export interface RedisRecords extends Omit<ScriptOperations, "claim"> {
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
}

/**
 * A claim is `SET … NX GET`: it writes the record of a first attempt, or reads the one that is there. A completion
 * replaces that record, known to the letter. Everything else is decided by a script on the server: what depends on its
 * time, and what was changed since it was claimed.
 */
export function redisRecords(commands: RecordCommands, prefix: string, clock: Clock): RedisRecords {
  const scripts = scriptOperations(commands, prefix);
  const owned = ownedRecords();
  const time = serverClock(clock);
  const forget = ({ owner, ...name }: ReleaseRequest): void => void owned.take(redisKey(prefix, name), owner);

  const claimByScript = async (request: ClaimRequest): Promise<ClaimAnswer> => {
    const sentAt = clock.monotonic();
    const { serverMs, answer } = await scripts.claim(request);
    time.set(serverMs, sentAt);
    return answer;
  };

  /** Replaces the record that was claimed here. `undefined`: it is not known. */
  const replaceOwned = (request: CompleteRequest): Promise<boolean> | undefined => {
    const key = redisKey(prefix, request);
    const record = owned.take(key, request.owner);
    if (record === undefined) return undefined;
    const resultMs = wholeMs(request.retentionMs);
    const ageMs = Math.round(clock.monotonic() - record.claimedAt);
    const before = recordLine("running", record.fields, record.lifeMs);
    const after = withResult(recordLine("done", record.fields, ageMs + resultMs), request.result);
    return commands.replace(key, before, after, resultMs);
  };

  return {
    ...scripts,
    claim(request) {
      const { fingerprint, owner, leaseMs, retentionMs, details } = request;
      // Fences that were given before are remembered for so long at least.
      const fence = time.now(Math.min(retentionMs, releasedMs) / 4);
      if (fence === undefined) return claimByScript(request);
      const key = redisKey(prefix, request);
      const fields = firstAttemptFields({ fingerprint, owner, details, fence, leaseMs });
      const lifeMs = runningLifeMs(request);
      const claimedAt = clock.monotonic();
      const setting = commands.setAbsent(
        key,
        recordLine("running", fields, lifeMs),
        Math.max(lifeMs, wholeMs(leaseMs)),
      );
      const answerTo = (record: Buffer | null): Awaitable<ClaimAnswer> => {
        if (record !== null) return answerOfRecord(record, fingerprint) ?? claimByScript(request);
        owned.add(key, { owner, fields, lifeMs, claimedAt });
        return { kind: "acquired", attempt: 1, fence, abandoned: false, checkpoints: {} };
      };
      return setting.then(answerTo, (error: unknown) => {
        // A full server refuses writes, but can still read what is stored.
        if (String(error).includes("OOM ")) return claimByScript(request);
        throw explainError(request, error);
      });
    },
    complete(request) {
      const replacing = replaceOwned(request);
      if (replacing === undefined) return scripts.complete(request);
      return replacing.then(
        (isReplaced) => isReplaced || scripts.complete(request),
        (error: unknown) => {
          throw explainError(request, error);
        },
      );
    },
    renew(request) {
      forget(request);
      return scripts.renew(request);
    },
    release(request) {
      forget(request);
      return scripts.release(request);
    },
    checkpoint(request) {
      forget(request);
      return scripts.checkpoint(request);
    },
  };
}

/** A line and the result that follows it. */
function withResult(line: string, result: Uint8Array): Argument {
  const text = argumentOf(result);
  return typeof text === "string" ? line + text : Buffer.concat([Buffer.from(line), text]);
}

/** The operations of the port on one record, each decided on the server. */
export interface ScriptOperations extends Pick<
  AsyncStore,
  "complete" | "renew" | "release" | "checkpoint" | "resolve"
> {
  /** Answers with the server's time as well. */
  claim(request: ClaimRequest): Promise<{ serverMs: number; answer: ClaimAnswer }>;
  /** Only of a record in the state that is wanted. */
  inspect(name: RecordName, state?: InspectedRecord["state"]): Promise<InspectedRecord | undefined>;
  /** The same without its result and its steps, which are not read. */
  measure(name: RecordName, state?: InspectedRecord["state"]): Promise<InspectedRecord | undefined>;
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
      const rest = [...times, detailsField(request.details)];
      return claimReply(request, await run(operationScript, request, "claim", ...texts, ...rest));
    },
    complete({ owner, result, retentionMs, ...name }) {
      const rest = [argumentOf(result), String(wholeMs(retentionMs))];
      return change(operationScript, name, "complete", escapeField(owner), ...rest);
    },
    renew: ({ owner, leaseMs, details, ...name }) =>
      change(operationScript, name, "renew", escapeField(owner), String(wholeMs(leaseMs)), detailsField(details)),
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
    async measure(name, state) {
      const reply = await run(sizesScript, name).catch((error: unknown) => {
        if (OnceAgainError.isInstance(error, "ONCE_RECORD_BROKEN")) return unmeasuredReply;
        throw error;
      });
      const found = measuredOf(name, reply);
      return state === undefined || found?.state === state ? found : undefined;
    },
  };
}

/** The reply for a key that holds no text. */
const unreadableReply = [Buffer.from("broken"), Buffer.alloc(0), -1];
const unmeasuredReply = [0, Buffer.alloc(0), -1, 0, 0];

/** Says which record is broken, where that is what failed. */
export function explainError(name: RecordName, error: unknown): unknown {
  const isBroken = [brokenReply, "WRONGTYPE"].some((text) => String(error).includes(text));
  return isBroken ? recordBrokenError(name, "It can't be read.", error) : error;
}
