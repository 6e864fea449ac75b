import type { Awaitable } from "../../core/awaitable.ts";
import type { Clock } from "../../core/clock.ts";
import type { ClaimAnswer, ClaimRequest, CompleteRequest, ReleaseRequest } from "../store.ts";
import { type Argument, argumentOf, type RecordCommands } from "./commands.ts";
import { redisKey } from "./names.ts";
import { ownedRecords } from "./owned-records.ts";
import { firstAttemptFields, recordLine, releasedMs, runningLifeMs, wholeMs } from "./record-format.ts";
import { answerOfRecord } from "./replies.ts";
import { explainError, type ScriptOperations, scriptOperations } from "./script-operations.ts";
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
    const keptMs = wholeMs(request.retentionMs);
    const ageMs = Math.round(clock.monotonic() - record.claimedAt);
    const before = recordLine("running", record.fields, record.lifeMs);
    const after = withResult(recordLine("done", record.fields, ageMs + keptMs), request.result);
    return commands.replace(key, before, after, keptMs);
  };

  return {
    ...scripts,
    claim(request) {
      const { fingerprint, owner, leaseMs, retentionMs } = request;
      // Fences that were given before are remembered for so long at least.
      const fence = time.now(Math.min(retentionMs, releasedMs) / 4);
      if (fence === undefined) return claimByScript(request);
      const key = redisKey(prefix, request);
      const fields = firstAttemptFields({ fingerprint, owner, fence, leaseMs });
      const lifeMs = runningLifeMs(request);
      const claimedAt = clock.monotonic();
      const setting = commands.setAbsent(
        key,
        recordLine("running", fields, lifeMs),
        Math.max(lifeMs, wholeMs(leaseMs)),
      );
      const answerTo = (found: Buffer | null): Awaitable<ClaimAnswer> => {
        if (found !== null) return answerOfRecord(found, fingerprint) ?? claimByScript(request);
        owned.add(key, { owner, fields, lifeMs, claimedAt });
        return { kind: "acquired", attempt: 1, fence, abandoned: false, checkpoints: {} };
      };
      return setting.then(answerTo, (error: unknown) => {
        // What is stored already can be read all the same.
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
