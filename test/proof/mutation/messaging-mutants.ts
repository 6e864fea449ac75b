import { inboxMutants } from "./inbox-mutants.ts";
import type { Check, Mutant } from "./mutant.ts";

const explorer = (configuration: string): Check => ({ kind: "explorer", configuration });
const simulation: Check = { kind: "simulation", scenario: "messages", seeds: 30 };
const test = (file: string): Check => ({ kind: "test", file });

const outbox = "packages/once-again/src/messaging/outbox";
const stores = "packages/once-again/src/stores";
const relayTest = test(`${outbox}/open-relay.test.ts`);
const silentPlaces = test(`${outbox}/silent-places.test.ts`);
const postgres = test("test/outbox/postgres-outbox.test.ts");
const notify = test(`${stores}/postgres/notify-after-commit.test.ts`);
const groupedNotify = test("test/outbox/grouped-notify.test.ts");
const mariadb = test("test/outbox/mariadb-outbox.test.ts");
const sqlite = test("test/outbox/sqlite-outbox.test.ts");

// Names of the contracts' cases are cut by the test runner after 37 characters.

/** The promises of a relay: nothing lost, nothing out of order, nothing parked that was not refused. */
const relayMutants: readonly Mutant[] = [
  {
    guard: "publishers: a header is there once, whatever its case",
    file: `${outbox}/publishers/message-headers.ts`,
    search: "const lowerCase = name.toLowerCase();",
    replace: "const lowerCase = name;",
    check: test(`${outbox}/publishers/message-headers.test.ts`),
    killedBy: "has each of its headers once",
  },
  {
    guard: "publishers: the place is where the message goes",
    file: `${outbox}/publishers/rabbitmq.ts`,
    search: "`${exchange}/${routingKey(message)}` });",
    replace: "exchange });",
    check: test(`${outbox}/publishers/places.test.ts`),
    killedBy: "says the place of each message",
  },
  {
    guard: "relay: what was tried says where, and what came back, also where its place is away",
    file: `${outbox}/publish-batch.ts`,
    search: "{ ...waitForPlace(places, place, true), refusal: decision.refusal, refusals }",
    replace: "waitForPlace(places, place, true)",
    check: relayTest,
    killedBy: "what was not confirmed is listed with its place",
  },
  {
    guard: "relay: a refusal is an error for operators since the first, with its message and place",
    file: `${outbox}/relay-options.ts`,
    search: 'if (event.type !== "published") notify(onError, event.error, subjectOf(event));',
    replace:
      'if (!["published", "refused"].includes(event.type)) notify(onError, (event as { error?: unknown }).error, subjectOf(event));',
    check: test("test/outage-log.test.ts"),
    killedBy: "says of each refusal which message",
  },
  {
    guard: "log: lines of one error are counted together, whatever they are about",
    file: "packages/once-again/src/core/error-log.ts",
    search: 'const line = `once-again${room === "" ? "" : ` ${room}`}: ${errorLine(error)}`;',
    replace: 'const line = `once-again${room === "" ? "" : ` ${room}`}: ${errorLine(error)}${subjectText(subject)}`;',
    check: test("packages/once-again/src/core/error-log.test.ts"),
    killedBy: "a line says where the error comes from",
  },
  {
    guard: "relay: what is stored of an answer has the cause",
    file: `${outbox}/retry-or-park.ts`,
    search: "const refusal = textWithCauses(error);",
    replace: "const refusal = textWithCauses({ message: String((error as Error).message) });",
    check: relayTest,
    killedBy: "what was not confirmed is listed with its place",
  },
  {
    guard: "outbox: a message is listed since its first attempt, and not since it was parked",
    file: `${stores}/sql/outbox.ts`,
    search: "${target}tried_at = CASE WHEN ended.refusal IS NULL THEN m.tried_at ELSE ${now} END,",
    replace:
      "${target}tried_at = CASE WHEN ended.refusal IS NULL OR ended.park IS NULL THEN m.tried_at ELSE ${now} END,",
    check: sqlite,
    killedBy: "a message is listed since it was fir",
  },
  {
    guard: "relay: the messages of a key wait for one that failed",
    file: `${outbox}/publish-batch.ts`,
    search: "if (!(await publish(message))) break;",
    replace: "await publish(message);",
    check: simulation,
    killedBy: "commit-order",
  },
  {
    guard: "relay: the messages of a key go one by one",
    file: `${outbox}/publish-batch.ts`,
    search: "if (batch.orderingKey === undefined) await",
    replace: "if (batch.messages.length > 0) await",
    check: simulation,
    killedBy: "commit-order",
  },
  {
    guard: "relay: only what the broker has confirmed is removed",
    file: `${outbox}/publish-batch.ts`,
    search: 'if (ended === "confirmed") confirmed.push(message.position);',
    replace: "if (ended !== undefined) confirmed.push(message.position);",
    check: simulation,
    killedBy: "every-commit-is-published",
  },
  {
    guard: "relay: delete before confirm",
    file: `${outbox}/open-relay.ts`,
    search: "for (const batch of batches.flatMap(parted)) start(batch, { owner, endsAt });",
    replace:
      "await outbox.confirm(batches.flatMap(({ messages }) => messages.map(({ position }) => position)));\n" +
      "    for (const batch of batches.flatMap(parted)) start(batch, { owner, endsAt });",
    check: simulation,
    killedBy: "every-commit-is-published",
  },
  {
    guard: "relay: what its lease may be over for is claimed anew",
    file: `${outbox}/publish-batch.ts`,
    search: "clock.monotonic() + publishMsMax > claim.endsAt",
    replace: "claim.endsAt < 0",
    check: relayTest,
    killedBy: "does not hand the broker what its lease may be over for",
  },
  {
    guard: "relay: one that closes hands nothing more to the broker",
    file: `${outbox}/publish-batch.ts`,
    search: "stop.aborted || clock.monotonic()",
    replace: "clock.monotonic()",
    check: relayTest,
    killedBy: "close() waits for what the broker has",
  },
  {
    guard: "relay: a publish that takes too long is cut",
    file: `${outbox}/publish-batch.ts`,
    search: "answerBefore(deadlines, publishMsMax,",
    replace: "answerBefore(deadlines, 1000 * publishMsMax,",
    check: relayTest,
    killedBy: "cuts a publish that takes too long",
  },
  {
    guard: "relay: no more than its concurrency is with a place",
    file: `${outbox}/places.ts`,
    search: "place.running < Math.min(concurrency, runningMax - running.all)",
    replace: "place.running <= Math.min(concurrency, runningMax - running.all)",
    check: relayTest,
    killedBy: "within its concurrency",
  },
  {
    guard: "relay: a parked message blocks its key, unless the others may pass",
    file: `${outbox}/publish-batch.ts`,
    search: "park: settings.parked };",
    replace: 'park: "pass" };',
    check: simulation,
    killedBy: "commit-order",
  },
  {
    guard: "relay: a broker that can't be reached refuses nothing",
    file: `${outbox}/retry-or-park.ts`,
    search: "if (isAway && !hasConfirmedSince)",
    replace: "if (isAway && hasConfirmedSince)",
    check: relayTest,
    killedBy: "waits a broker out",
  },
  {
    guard: "relay: a message is parked when it was refused too often, and not before",
    file: `${outbox}/retry-or-park.ts`,
    search: "refusals + 1 >= refusalsMax",
    replace: "refusals + 2 >= refusalsMax",
    check: relayTest,
    killedBy: "parks what is refused too often",
  },
  {
    guard: "relay: a place that can't be reached is handed nothing more",
    file: `${outbox}/places.ts`,
    search: "return pauseLeftMs(place) === 0 && turns.take(place);",
    replace: "return turns.take(place);",
    check: relayTest,
    killedBy: "hands nothing more to a broker that can't be reached",
  },
  {
    guard: "relay: messages for which no place has a turn leave the relay its room",
    file: `${outbox}/places.ts`,
    search: 'if (which === "all" || isStuck(place)) release(place);',
    replace: 'if (which === "all") release(place);',
    check: silentPlaces,
    killedBy: "hold up no message of another",
  },
  {
    guard: "relay: places in doubt leave room to new ones",
    file: `${outbox}/places.ts`,
    search: 'place.state === "new" || running.inDoubt < Math.ceil(concurrency / 2)',
    replace: "true",
    check: silentPlaces,
    killedBy: "hold up no new place",
  },
  {
    guard: "relay: silence is what the publisher says of it when it is aborted",
    file: `${outbox}/publish-batch.ts`,
    search: "Promise.race([answered, turn])",
    replace: "turn",
    check: silentPlaces,
    killedBy: "has it parked in the end",
  },
  {
    guard: "relay: a message for a place that is full is not parked",
    file: `${outbox}/retry-or-park.ts`,
    search: "refusals + 1 >= refusalsMax && !maySucceed",
    replace: "refusals + 1 >= refusalsMax",
    check: silentPlaces,
    killedBy: "tried ever more rarely, and never parked",
  },
  {
    guard: "relay: a round of claims that finds nothing leaves the database its rest",
    file: `${outbox}/open-relay.ts`,
    search: "restPerWork * (clock.monotonic() - begunAt)",
    replace: "0 * restPerWork",
    check: silentPlaces,
    killedBy: "go through it at once when the relay is woken",
  },
  {
    guard: "relay: what the broker has confirmed is removed although the database failed",
    file: "packages/once-again/src/core/ask-until-answered.ts",
    search: "if (stop.aborted && failuresAfterStop >= triesAfterStop) break;",
    replace: "if (failuresAfterStop >= 0) break;",
    check: relayTest,
    killedBy: "asks a database that fails again, and confirms then",
  },
  {
    guard: "relay: it listens again when that was lost",
    file: `${outbox}/open-relay.ts`,
    search: 'state = "silent";\n    onFailure(error);',
    replace: "onFailure(error);",
    check: relayTest,
    killedBy: "listens where the database notifies",
  },
];

/** The promises of an outbox's statements. */
const outboxMutants: readonly Mutant[] = [
  {
    guard: "outbox: claims go on from where the one before ended",
    file: `${stores}/sql/outbox.ts`,
    search: 'return isOutOfTurn() ? "" : last;',
    replace: 'return isOutOfTurn() || /^\\d+$/.test(last) ? "" : last;',
    check: sqlite,
    killedBy: "every message without a key gets its",
  },
  {
    guard: "outbox: a round without an end leaves nothing behind",
    file: `${stores}/sql/outbox.ts`,
    search: "keylessAnewEvery = 32",
    replace: "keylessAnewEvery = Number.POSITIVE_INFINITY",
    check: sqlite,
    killedBy: "a message that is given back is claim",
  },
  {
    guard: "outbox, postgres: relays claim in READ COMMITTED, whatever the database's default is",
    file: `${stores}/postgres/outbox.ts`,
    search: '["SET TRANSACTION ISOLATION LEVEL READ COMMITTED", ...statements]',
    replace: "statements",
    check: postgres,
    killedBy: "claim side by side where the default isolation",
  },
  {
    guard: "outbox: a late relay gives nothing back that another has",
    file: `${stores}/sql/outbox.ts`,
    search: "m.position = ended.position AND (m.owner = ended.owner",
    replace: "m.position = ended.position AND (m.owner <> ''",
    check: explorer("refused message blocks"),
    killedBy: "late-owner-changes-nothing",
  },
  {
    guard: "outbox: a late relay takes nothing out of the parked messages",
    file: `${stores}/sql/outbox.ts`,
    search: "m.owner IS NULL AND m.parked_at IS NULL AND ended.owner = (${oldest})",
    replace: "m.owner IS NULL AND '${oldest}' <> ''",
    check: explorer("refused message blocks"),
    killedBy: "late-owner-changes-nothing",
  },
  {
    guard: "outbox: what was given back is no longer the relay's",
    file: `${stores}/sql/outbox.ts`,
    search: "m.owner IS NULL AND m.parked_at IS NULL AND ended.owner = (${oldest})",
    replace: "m.owner IS NULL AND m.parked_at IS NULL AND ended.owner <> (${oldest})",
    check: sqlite,
    killedBy: "what failed behind the oldest",
  },
  {
    guard: "outbox: what was confirmed is removed, and not all up to it",
    file: `${stores}/sqlite/outbox-statements.ts`,
    search: "WHERE position IN (SELECT CAST(value AS INTEGER) FROM json_each(?))",
    replace: "WHERE position <= (SELECT max(CAST(value AS INTEGER)) FROM json_each(?))",
    check: explorer("messages without a key"),
    killedBy: "every-commit-is-published",
  },
  {
    guard: "outbox: a message that the others pass leaves its key",
    file: `${stores}/sql/outbox.ts`,
    search: "ordering_key = CASE WHEN ended.park = 'pass' THEN NULL",
    replace: "ordering_key = CASE WHEN ended.park = 'pass' THEN m.ordering_key",
    check: sqlite,
    killedBy: "a parked message that the others pass",
  },
  {
    guard: "outbox: refusals are counted",
    file: `${stores}/sql/outbox.ts`,
    search: "WHEN ended.refusal IS NULL THEN m.refusals ELSE",
    replace: "WHEN ended.refusal IS NULL THEN m.refusals WHEN 1 = 1 THEN m.refusals ELSE",
    check: sqlite,
    killedBy: "refusals are counted",
  },
  {
    guard: "outbox: a refusal that is repeated counts once",
    file: `${stores}/sql/outbox.ts`,
    search: "coalesce(ended.refusals, m.refusals + 1)",
    replace: "m.refusals + 1",
    check: sqlite,
    killedBy: "a refusal that is repeated",
  },
  {
    guard: "outbox, sqlite: a key is not claimed while its oldest message is parked",
    file: `${stores}/sqlite/outbox.ts`,
    search: "if (oldest.parked_at === null && oldest.due_at <= now) keys.push(oldest);",
    replace: "if (oldest.due_at <= now) keys.push(oldest);",
    check: sqlite,
    killedBy: "a parked message blocks its own key",
  },
  {
    guard: "outbox, sqlite: a leased message is not claimed again",
    file: `${stores}/sqlite/outbox.ts`,
    search: "if (oldest.parked_at === null && oldest.due_at <= now) keys.push(oldest);",
    replace: "if (oldest.parked_at === null) keys.push(oldest);",
    check: sqlite,
    killedBy: "a claimed message can't be claimed again",
  },
  {
    guard: "outbox, sqlite: each message of a line is leased by itself",
    file: `${stores}/sqlite/outbox.ts`,
    search: "isLineName(oldest.ordering_key) ? rows.filter((row) => row.due_at <= now).flatMap(lease) : rows",
    replace: "rows",
    check: sqlite,
    killedBy: "what an older message brings into a line",
  },
  {
    guard: "outbox, postgres: a claim of a line leaves what another relay has",
    file: `${stores}/postgres/outbox-statements.ts`,
    search: "OR r.position = claimed.position OR r.position IN (SELECT position FROM in_line)",
    replace: "OR r.position >= claimed.position OR r.position IN (SELECT position FROM in_line)",
    check: postgres,
    killedBy: "what an older message brings into a line",
  },
  {
    guard: "outbox, sqlite: no position is given again",
    file: `${stores}/sqlite/outbox-statements.ts`,
    search: "INTEGER PRIMARY KEY AUTOINCREMENT",
    replace: "INTEGER PRIMARY KEY",
    check: sqlite,
    killedBy: "a confirmation that comes late, and twice, removes no other message",
  },
  {
    guard: "outbox, postgres: a cursor skips what commits late",
    file: `${stores}/postgres/outbox.ts`,
    search: "keyless.sort((one, other) => Number(one.position) - Number(other.position));",
    replace: `const cursor = keylessRound as { at?: number };
    keyless.splice(0, keyless.length, ...keyless.filter((row) => Number(row.position) > (cursor.at ?? 0)));
    cursor.at = Math.max(cursor.at ?? 0, ...keyless.map((row) => Number(row.position)));`,
    check: postgres,
    killedBy: "nothing can be claimed before",
  },
  {
    guard: "outbox, postgres: xid order is not commit order",
    file: `${stores}/postgres/outbox-statements.ts`,
    search:
      'SELECT * FROM ${outbox} AS r WHERE r.ordering_key = claimed.ordering_key AND r.position >= claimed.position\n          AND (NOT ${isLine("r")} OR r.position = claimed.position OR r.position IN (SELECT position FROM in_line))\n        ORDER BY r.position LIMIT $5::bigint) AS m) ON true\n      ORDER BY m.position`,',
    replace:
      "SELECT *, r.xmin::text::bigint AS xid FROM ${outbox} AS r WHERE r.ordering_key = claimed.ordering_key\n        ORDER BY r.xmin::text::bigint LIMIT $5::bigint) AS m) ON true\n      ORDER BY m.xid`,",
    check: postgres,
    killedBy: "a transaction that wrote first",
  },
  {
    guard: "outbox, postgres: an addition to a key has its lock until the commit",
    file: `${stores}/postgres/outbox.ts`,
    search: "pg_advisory_xact_lock(hashtextextended($6::text, 0)) AS locked",
    replace: "hashtextextended($6::text, 0) AS locked",
    check: postgres,
    killedBy: "messages of one ordering key are in",
  },
  {
    guard: "outbox, postgres: a row is announced when it can be read",
    file: `${stores}/postgres/outbox.ts`,
    search: "await addMessage(transaction, stored).catch(rethrowExplained);",
    replace: `await messageAdder(tablePrefix, { notify: false, prepare })(transaction, stored);
      if (notify) await query("SELECT pg_notify('" + tableName(tablePrefix, "outbox") + "', '')");`,
    check: postgres,
    killedBy: "listeners are notified of a commit",
  },
  {
    guard: "outbox, postgres: a grouped notification comes after the commit",
    file: `${stores}/postgres/notify-after-commit.ts`,
    search: "FROM asked WHERE status = 'committed')",
    replace: "FROM asked WHERE status <> 'aborted')",
    check: groupedNotify,
    killedBy: "come after a commit, from another connection than it, and not before it",
  },
  {
    guard: "outbox, postgres: a rollback wakes no relay",
    file: `${stores}/postgres/notify-after-commit.ts`,
    search: "FROM asked WHERE status = 'committed')",
    replace: "FROM asked WHERE status <> 'in progress')",
    check: groupedNotify,
    killedBy: "are not sent for a transaction that is rolled back",
  },
  {
    guard: "outbox, postgres: a transaction that is open is asked about again",
    file: `${stores}/postgres/notify-after-commit.ts`,
    search: ".then(openIn, () => new Set<string>())",
    replace: ".then(() => new Set<string>(), () => new Set<string>())",
    check: notify,
    killedBy: "a transaction that stays open is asked about ever more rarely",
  },
  {
    guard: "outbox, postgres: a transaction that stays open is asked about for a while only",
    file: `${stores}/postgres/notify-after-commit.ts`,
    search: "if (!open.has(id) || now - (addedAt.get(id) ?? 0) > ageMsMax)",
    replace: "if (!open.has(id))",
    check: notify,
    killedBy: "for 10 s after its last message",
  },
  {
    guard: "outbox, postgres: questions rest between each other",
    file: `${stores}/postgres/notify-after-commit.ts`,
    search: "askIn(Math.max(firstMs, restEndsAt - youngestAt));",
    replace: "askIn(firstMs);",
    check: notify,
    killedBy: "between an answer and the next question it rests",
  },
  {
    guard: "outbox, postgres: a clean-up locks no addition out",
    file: `${stores}/postgres/outbox.ts`,
    search: "await write(withLiterals(statements.confirm, [JSON.stringify(positions)]))",
    replace:
      'await query("BEGIN; LOCK TABLE " + tableName(tablePrefix, "outbox") + " IN SHARE ROW EXCLUSIVE MODE; COMMIT"), ' +
      "await query(statements.confirm, [JSON.stringify(positions)])",
    check: postgres,
    killedBy: "neither relays nor those who add",
  },
  {
    guard: "outbox, postgres: a dead relay's lease is taken over",
    file: `${stores}/postgres/outbox-statements.ts`,
    search: "UPDATE ${outbox} AS m SET owner = $1, due_at = clock.ms + $2::bigint FROM clock\n      WHERE",
    replace:
      "UPDATE ${outbox} AS m SET owner = $1, due_at = clock.ms + 1000000000 * $2::bigint FROM clock\n      WHERE",
    check: postgres,
    killedBy: "a message is there until",
  },
  {
    guard: "outbox, mariadb: an addition to a key has its lock until the commit",
    file: `${stores}/mariadb/outbox-statements.ts`,
    search: "WHERE slot = CRC32(?) MOD ${locks} FOR UPDATE`,",
    replace: "WHERE slot = CRC32(?) MOD ${locks}`,",
    check: mariadb,
    killedBy: "messages of one ordering key are in",
  },
  {
    guard: "outbox, mariadb: a claim reads no further than an earlier look has shown",
    file: `${stores}/mariadb/outbox-statements.ts`,
    search: "m.ordering_key = ? AND m.position <= ?",
    replace: "m.ordering_key = ? AND m.position <= 1000000 + ?",
    check: mariadb,
    killedBy: "what came after the look is left",
  },
  {
    guard: "outbox, mariadb: a key is not claimed when an older message has appeared",
    file: `${stores}/mariadb/outbox.ts`,
    search: "return oldest !== undefined && oldest < Number(position);",
    replace: "return oldest !== undefined && oldest < Number(position) && false;",
    check: mariadb,
    killedBy: "where that was the oldest",
  },
];

/** The promises for messages, from their transaction to their effect. */
export const messagingMutants: readonly Mutant[] = [...relayMutants, ...outboxMutants, ...inboxMutants];
