import type { Clock } from "../../core/clock.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { sharedTimers } from "../../core/deadline-timer.ts";
import { checkNumber } from "../../core/options.ts";
import { systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import { storeHealth } from "../health.ts";
import type { StoreHealth, TransactionalStore } from "../store.ts";
import { checkPrefix, checkTable, dynamodbConnection, type Transport } from "./connection.ts";
import { tableProblems, tableWarnings } from "./health.ts";
import { leasedOperations, resultBytesMax, type TableParts } from "./leased-operations.ts";
import { listRecords } from "./scan.ts";
import { type ServerTime, serverTime } from "./server-time.ts";
import { type DynamodbTransaction, transactionalOperations } from "./transact.ts";

/** Where a DynamoDB store has its records, and how long it waits. */
export interface DynamodbStoreOptions {
  /** The table's name, or its ARN: 1 to 1024 characters. Its partition key is `pk`, a string, and it has no sort key. */
  readonly table: string;
  /** Stands before the key of each item, so that several stores share a table: 1 to 64 of A-Z a-z 0-9 _ : . -; default `once-again`. */
  readonly prefix?: string | undefined;
  /**
   * How long one request may take, the client's retries included, milliseconds: at least 1, default 2000. The client itself waits without
   * end, and a server gives its store 5 s, in which it has to ask again when an answer was lost.
   */
  readonly requestMsMax?: number | undefined;
  /**
   * In transactional mode: whether a handler has its key to itself while it runs, for handlers that do more than collect writes. That costs
   * one write more. Default `false`: duplicates that come at a time run beside each other, and one of them commits.
   */
  readonly claimFirst?: boolean | undefined;
  /**
   * With `claimFirst`, for how long a handler has its key, milliseconds: 5000 to 900,000, default 60,000. After it another may run the handler,
   * too; still only one commits.
   */
  readonly claimMs?: number | undefined;
}

/** A store in a table of DynamoDB. */
export interface DynamodbStore extends TransactionalStore<DynamodbTransaction> {
  readonly survivesFailover: "yes";
  /** Moves a mark within the transaction that a handler was given; what the handler read before is read anew when another has moved it. */
  readonly moveMark: NonNullable<TransactionalStore<DynamodbTransaction>["moveMark"]>;
  /**
   * Asks for what endangers records: a table that is not active, another key, a global table in which the last writer wins. Warns where time
   * to live is off. A table that can't be asked is a problem too. Never rejects.
   */
  health(): Promise<StoreHealth>;
}

/** A store through a transport, by a clock for its waits, and by a source of the server's time. */
export function openStore(
  transport: Transport,
  options: DynamodbStoreOptions,
  clock: Clock = systemClock,
  time: ServerTime = serverTime(clock),
): DynamodbStore {
  checkNames("dynamodbStore", options, {
    table: true,
    prefix: true,
    requestMsMax: true,
    claimFirst: "boolean",
    claimMs: true,
  } satisfies OptionNames<DynamodbStoreOptions>);
  const requestMsMax = checkNumber("requestMsMax", options.requestMsMax ?? 2000, { min: 1 });
  const connection = dynamodbConnection({
    transport,
    time,
    clock: sharedTimers(clock),
    random: systemRandom,
    requestMsMax,
  });
  const table = checkTable(options.table);
  const parts: TableParts = { connection, time, table, prefix: checkPrefix(options.prefix) };
  const claimMs = checkNumber("claimMs", options.claimMs ?? 60_000, { min: 5000, max: 900_000 });
  const leased = leasedOperations(parts);
  return {
    survivesFailover: "yes",
    resultBytesMax,
    ...leased,
    ...transactionalOperations(parts, leased, options.claimFirst === true ? claimMs : 0),
    list: (request) => listRecords(parts, request),
    // DynamoDB removes them by itself.
    purge: async () => 0,
    health: () =>
      storeHealth(
        () => tableProblems(connection, table),
        () => tableWarnings(connection, table),
      ),
    close: async () => undefined,
  };
}
