import { readHeldCount } from "../held-count.ts";
import { checkListLimit } from "../list-limit.ts";
import { storedName, storedText } from "../sql/names.ts";
import { checkpointText, claimAnswer, inspectRow, type KeyRow } from "../sql/record-format.ts";
import type {
  DoneSettlement,
  HeldCount,
  InspectedRecord,
  ListRequest,
  RecordName,
  ReleaseRequest,
  StepRequest,
  AsyncStore,
} from "../store.ts";
import type { MysqlQuery, MysqlValue } from "./client.ts";
import { isConflict, unavailableError } from "./errors.ts";
import { answerOfClaim, type BatchBounds, leasedBatches, takeOverValues } from "./leased-batches.ts";
import { inState, type MariadbStatements, waitingFor } from "./statements.ts";

/** How often a statement is asked for that the server gave up for the sake of another. */
const attemptsMax = 5;

/**
 * The operations of the port, but for its transactions: a statement each. Claims, completions and renewals share it with
 * others of the same moment.
 */
export function leasedOperations(
  run: MysqlQuery,
  statements: MariadbStatements,
  bounds: BatchBounds,
): Omit<AsyncStore, "survivesFailover" | "close"> & { countHeld(): Promise<HeldCount> } {
  const query: MysqlQuery = async (statement, values) => {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      try {
        return await run(statement, values);
      } catch (error) {
        // Of statements that lock each other's rows, the server ends one, which did nothing then.
        if (!isConflict(error)) throw error;
      }
    }
    throw unavailableError(`a statement was given up for another's sake ${attemptsMax} times`);
  };
  const batches = leasedBatches(query, statements, bounds);
  const takeOver = waitingFor(Math.ceil(bounds.busyMsMax / 1000), statements.takeOver);
  const changes = async (statement: string, values: MysqlValue[]): Promise<boolean> =>
    changed(await query(statement, values));
  const inspect = async (name: RecordName): Promise<InspectedRecord | undefined> => {
    const [row] = (await query(statements.inspect, namedBy(name))) as KeyRow[];
    return row && inspectRow(row);
  };
  return {
    async claim(request) {
      const found = await batches.claim({ ...request, ...storedName(request) });
      const answer = answerOfClaim(found, request);
      if (answer !== undefined) return answer;
      const [taken] = (await query(takeOver, takeOverValues(request))) as KeyRow[];
      return claimAnswer(taken!, request);
    },
    complete: async (request) => batches.complete({ ...request, ...storedName(request) }),
    renew: async (request) => batches.renew({ ...request, ...storedName(request) }),
    // One statement can't both delete and update. What happens between the two is as if it had come before, or after.
    release: async (owned) =>
      (await changes(statements.remove, ownedBy(owned))) || changes(statements.abandon, ownedBy(owned)),
    checkpoint: async (request) => changes(statements.checkpoint, checkpointValues(request, request.result)),
    resolve: async ({ settlement, ...name }) =>
      settlement.as === "done"
        ? changes(statements.settle, [...settlementValues(settlement), ...namedBy(name)])
        : (await changes(statements.forget, namedBy(name))) ||
          ((await inspect(name))?.state === "broken" && changes(statements.forgetBroken, namedBy(name))),
    inspect,
    async list(request) {
      const { conditions, values } = listConditions(request);
      const rows = await query(statements.list(conditions), [...values, checkListLimit(request)]);
      return (rows as KeyRow[]).map(inspectRow);
    },
    async countHeld() {
      const [row] = (await query(statements.countHeld)) as Parameters<typeof readHeldCount>;
      return readHeldCount(row);
    },
    purge: async ({ limit }) => ((await query(statements.purge, [limit])) as Changes).affectedRows,
  };
}

interface Changes {
  affectedRows: number;
}

/** Whether a statement found its row. `mysql2` counts rows found, not changed, unless FOUND_ROWS is taken away. */
export function changed(answer: unknown): boolean {
  return (answer as Changes).affectedRows > 0;
}

/** The values of the statement `settle` that precede the name. */
function settlementValues({ result, retentionMs, note = new Uint8Array() }: DoneSettlement): MysqlValue[] {
  return [Buffer.from(result), Buffer.from(note), retentionMs];
}

/** The values of the statement `checkpoint`. */
export function checkpointValues(request: StepRequest, result: Uint8Array): MysqlValue[] {
  return [Buffer.from(checkpointText(request.step, result)), ...ownedBy(request)];
}

/** The values of a record's name. */
export function namedBy(name: RecordName): MysqlValue[] {
  const { scope, key } = storedName(name);
  return [Buffer.from(scope), Buffer.from(key)];
}

function ownedBy({ owner, ...name }: ReleaseRequest): MysqlValue[] {
  return [...namedBy(name), Buffer.from(owner)];
}

function listConditions({ scope, state, after }: ListRequest): { conditions: string[]; values: MysqlValue[] } {
  const conditions = [];
  const values = [];
  if (scope !== undefined) {
    conditions.push("scope = ?");
    values.push(Buffer.from(storedText(scope)));
  }
  if (state !== undefined) {
    conditions.push(inState[state]);
  }
  if (after !== undefined) {
    conditions.push("(scope, `key`) > (?, ?)");
    values.push(Buffer.from(storedText(after.scope)), Buffer.from(storedText(after.key)));
  }
  return { conditions, values };
}
