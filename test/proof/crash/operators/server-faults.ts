import { setTimeout } from "node:timers/promises";
import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { CrashEngine } from "../engine.ts";
import type { Targets } from "../targets.ts";
import { asOperator } from "./database-faults.ts";
import { throttles } from "../../../support/servers/aws-proxy.ts";
import { faultMs, type OperatorAction } from "./operator-action.ts";

/** How often a full disk is filled once more, while the database frees what it can, milliseconds. */
const refillMs = 100;

/** The share of all requests that is refused while a service throttles. */
const throttledShare = 0.3;

/** How long it throttles at most until it has refused a claim and a result, milliseconds. */
const owedMsMax = 60_000;

/** Something that a store asks its database for. */
export type Asked = "claim" | "result" | "other";

/** The faults of the database as a program, and of its disk, its pooler and its limits. */
export function serverFaults(
  engine: CrashEngine,
  { database, disk, pooler, promote, throttle, keysUrl }: Targets,
  onThrottled: (asked: Asked) => void,
): Partial<Record<string, OperatorAction>> {
  const exclusively = database?.exclusively ?? ((work) => work());
  return {
    ...(disk && {
      "full-disk": (random) =>
        exclusively(async () => {
          const endsAt = performance.now() + uniform(random, ...faultMs);
          const statement = engine.operator?.roomTaking;
          if (statement !== undefined) await asOperator(engine, keysUrl, ({ run }) => run(statement));
          while (performance.now() < endsAt) {
            await disk.fill();
            await setTimeout(refillMs);
          }
          disk.free();
          // Some end when they can't write, and some take no more until they are started anew.
          if (database && (database.server.pid === undefined || engine.server?.stopsWhenFull))
            await database.server.restart();
        }),
    }),
    ...(throttle &&
      database && {
        "throttled-requests": async (random) => {
          // Some requests are rare, and all of the share may be others.
          const owed = new Set<Asked>(["claim", "result"]);
          throttle.refuses = (operation, body) => {
            const asked = askedIn(`${dynamodb}${operation}${body}`, database);
            if (!owed.delete(asked) && random() > throttledShare) return undefined;
            onThrottled(asked);
            return throttles[Math.floor(uniform(random, 0, throttles.length))];
          };
          const from = performance.now();
          await setTimeout(uniform(random, ...faultMs));
          // On a slow machine none of them may have come yet.
          while (owed.size > 0 && performance.now() - from < owedMsMax) await setTimeout(50);
          throttle.refuses = () => undefined;
        },
      }),
    ...(promote && { "promoted-standby": () => exclusively(promote) }),
    ...(pooler && { "restarted-pooler": () => pooler.restart() }),
  };
}

/** The beginning of the name of an operation, as its request has it. */
const dynamodb = "DynamoDB_20120810.";

function askedIn(request: string, { claiming, completing }: NonNullable<Targets["database"]>): Asked {
  if (request.includes(completing)) return "result";
  return request.includes(claiming) ? "claim" : "other";
}
