import type { DecisionRules } from "../../../../packages/once-again/src/messaging/inbox/inbox-decisions.ts";
import type { ClaimedBatch } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import { claimedBatches } from "../../../../packages/once-again/src/stores/sql/outbox.ts";
import type { InvariantName } from "../../invariants.ts";
import { type MarkRules, sqliteMarks } from "./mark-rules.ts";
import { type OutboxRules, sqliteRules } from "./outbox-rules.ts";
import type { OutboxRow } from "./world.ts";

/** How messages are added, published and handled, in one surrounding. An unsafe configuration does one thing otherwise. */
export interface MessageConfiguration {
  readonly name: string;
  /** A description in plain words. */
  readonly about: string;
  readonly expected: "clean" | InvariantName;
  /** Where the messages are in the beginning. */
  readonly begins: "unwritten" | "published";
  /** The messages by their ordering keys. */
  readonly keys: readonly (string | undefined)[];
  /** Whether a transaction that adds to an ordering key waits for the others that did. */
  readonly locksKeys: boolean;
  /** When a position is drawn: under the lock, or when the transaction begins, as its number (xid) is. */
  readonly positions: "by add" | "by transaction";
  readonly adds: "inside" | "outside";
  readonly publishes: "by relay" | "before the commit" | "after the commit";
  /** When relays look: after an announcement and now and then, or after an announcement alone. */
  readonly announces: "anyhow" | "at add";
  /** The rows that relays may find: all that are there, or those after the ones that they have seen. */
  readonly reads: "all" | "after the cursor";
  readonly rules: OutboxRules;
  readonly removes: "when confirmed" | "when claimed";
  /** Whether the messages of a key wait for one that failed. */
  readonly stopsAtFailure: boolean;
  /** Whether the lease of a dead relay ends. */
  readonly takesOver: boolean;
  /** The messages that the broker always refuses. */
  readonly refused: readonly number[];
  readonly parked: "block" | "pass";
  /** Whether the broker knows a message that it has taken before, and takes it no more. */
  readonly knowsRepeats: boolean;
  /** When it hands a message over: whatever became of those before it, when they have their verdicts, or are acknowledged. */
  readonly handsOver: "at once" | "when decided" | "when acknowledged";
  /** Whether it may begin again where it was before. */
  readonly rewinds: boolean;
  /** The rules for a failure. */
  readonly relay: { readonly refusalsMax: number; backoff(): number; random(): number };
  readonly consumers: number;
  readonly inbox: DecisionRules;
  /** How a repeat of a handled message is found: by its record, its number, or both. */
  readonly repeats: "by record" | "by mark" | "by both";
  readonly marks: MarkRules;
  readonly movesMark: "with the effect" | "before the transaction";
  /** Whether a message with an unknown outcome runs again. */
  readonly runsAgain: boolean;
  readonly work: "succeeds" | "fails" | "rejects";
  readonly acknowledges: "when decided" | "after the work" | "on receipt";
  /** How many faults there may be beside those that make deliveries of a message. */
  readonly moreFaults: number;
  /** Whether a record may be forgotten while its message can still come. */
  readonly forgets: boolean;
}

const rules = sqliteRules();

/** One message, and all as it should be. */
export const oneMessage: Omit<MessageConfiguration, "name" | "about" | "expected"> = {
  begins: "unwritten",
  keys: ["k"],
  locksKeys: true,
  positions: "by add",
  adds: "inside",
  publishes: "by relay",
  announces: "anyhow",
  reads: "all",
  rules,
  removes: "when confirmed",
  stopsAtFailure: true,
  takesOver: true,
  refused: [],
  parked: "block",
  knowsRepeats: false,
  handsOver: "at once",
  rewinds: false,
  relay: { refusalsMax: 2, backoff: () => 1, random: () => 0 },
  consumers: 2,
  inbox: { transactional: true, isHolding: false, leaseMs: 1, deliveriesMax: 10 },
  repeats: "by record",
  marks: sqliteMarks(),
  movesMark: "with the effect",
  runsAgain: false,
  work: "succeeds",
  acknowledges: "when decided",
  moreFaults: 0,
  forgets: false,
};

/** Two messages, and a consumer of one process, since only the way to the broker is explored. */
const ofOneKey = { ...oneMessage, keys: ["k", "k"], consumers: 1 };
const withoutKey = { ...oneMessage, keys: [undefined, undefined], consumers: 1 };
const leased = { ...oneMessage, inbox: { ...oneMessage.inbox, transactional: false, isHolding: true } };
const failing = { ...oneMessage, inbox: { ...oneMessage.inbox, deliveriesMax: 2 } };

/** An outbox that gives each relay any free row, whichever relay has others of its key. */
const leasesRows: OutboxRules = {
  ...rules,
  claim(rows, owner) {
    const claimed = rows.find(({ isDue, isParked }) => isDue && !isParked);
    const leased = rows.map((row): OutboxRow => (row === claimed ? { ...row, owner, isDue: false } : row));
    return { rows: leased, batches: claimed === undefined ? [] : [batchOf(claimed)] };
  },
};

function batchOf({ position, message, key, refusals }: OutboxRow): ClaimedBatch {
  const columns = { topic: "orders", passed_key: null, headers: "{}", body: new Uint8Array(), added_at: 0 };
  const unsaid = { refusal: null, place: null, due_at: 0, tried_at: null, parked_at: null };
  return claimedBatches([{ ...columns, ...unsaid, position, id: String(message), ordering_key: key, refusals }])[0]!;
}

/** An outbox of which relays read what comes after the highest position that was read. */
const readsOn: OutboxRules = {
  ...rules,
  claim(rows, owner, cursor) {
    const [before, after] = [
      rows.filter(({ position }) => position <= cursor),
      rows.filter(({ position }) => position > cursor),
    ];
    const claimed = rules.claim(after, owner, cursor);
    return { ...claimed, rows: [...before, ...claimed.rows] };
  },
};

export const messageConfigurations: readonly MessageConfiguration[] = [
  {
    ...oneMessage,
    moreFaults: 2,
    name: "message",
    about: "one message from its transaction to its effect, in a transactional inbox",
    expected: "clean",
  },
  {
    ...ofOneKey,
    name: "messages of one key",
    about: "two messages of one ordering key, two relays",
    expected: "clean",
  },
  {
    ...withoutKey,
    name: "messages without a key",
    about: "two messages that wait for no other, one of which may commit late",
    expected: "clean",
  },
  {
    ...ofOneKey,
    refused: [0],
    name: "refused message blocks",
    about: "the broker refuses the first of two messages of one key, which is parked",
    expected: "clean",
  },
  {
    ...ofOneKey,
    refused: [0],
    parked: "pass",
    name: "refused message is passed",
    about: "the same, and the second passes the first",
    expected: "clean",
  },
  {
    ...leased,
    moreFaults: 2,
    name: "message, held inbox",
    about: "the effect is outside of the inbox's store, which holds messages with an unknown outcome",
    expected: "clean",
  },
  {
    ...failing,
    work: "fails",
    name: "message, work that fails",
    about: "a message that is tried too often is a dead letter",
    expected: "clean",
  },
  {
    ...failing,
    work: "rejects",
    name: "message, work that rejects",
    about: "a message that its work won't take is a dead letter",
    expected: "clean",
  },
  {
    ...withoutKey,
    reads: "after the cursor",
    rules: readsOn,
    name: "cursor",
    about: "relays read on after the last position, and skip what commits late",
    expected: "every-commit-is-published",
  },
  {
    ...ofOneKey,
    positions: "by transaction",
    name: "order of transactions",
    about: "the order in which transactions begin (xid) is taken for that of their commits",
    expected: "commit-order",
  },
  {
    ...ofOneKey,
    locksKeys: false,
    name: "order of adds",
    about: "a transaction that adds to a key does not wait for the others",
    expected: "commit-order",
  },
  {
    ...oneMessage,
    announces: "at add",
    name: "announced before it can be read",
    about: "relays look after an announcement, which comes before the commit",
    expected: "every-commit-is-published",
  },
  {
    ...oneMessage,
    adds: "outside",
    name: "add outside of the transaction",
    about: "the message is there although its transaction is rolled back",
    expected: "only-commits-are-published",
  },
  {
    ...oneMessage,
    publishes: "before the commit",
    name: "publish before the commit",
    about: "the service publishes by itself, in its transaction",
    expected: "only-commits-are-published",
  },
  {
    ...oneMessage,
    publishes: "after the commit",
    name: "publish after the commit",
    about: "the service publishes by itself, without an outbox",
    expected: "every-commit-is-published",
  },
  {
    ...oneMessage,
    removes: "when claimed",
    name: "delete before confirm",
    about: "a relay removes what it takes, and publishes then",
    expected: "every-commit-is-published",
  },
  {
    ...ofOneKey,
    rules: leasesRows,
    name: "rows are leased",
    about: "two relays have two messages of one key",
    expected: "commit-order",
  },
  {
    ...ofOneKey,
    stopsAtFailure: false,
    name: "key goes on after a failure",
    about: "the next of a key does not wait for one that was not confirmed",
    expected: "commit-order",
  },
  {
    ...oneMessage,
    takesOver: false,
    name: "lease without an end",
    about: "the rows of a dead relay are never claimed again",
    expected: "every-commit-is-published",
  },
  {
    ...oneMessage,
    forgets: true,
    name: "dedup window shorter than an outage",
    about: "the record is forgotten while its message can still come",
    expected: "one-effect",
  },
  {
    ...oneMessage,
    acknowledges: "on receipt",
    name: "acknowledge on receipt",
    about: "a message is acknowledged before anything is done",
    expected: "acknowledged-is-settled",
  },
  {
    ...oneMessage,
    acknowledges: "after the work",
    name: "acknowledge before commit",
    about: "a message is acknowledged when its work is done, and not committed",
    expected: "acknowledged-is-settled",
  },
  {
    ...leased,
    runsAgain: true,
    name: "message, run again",
    about: "a message with an unknown outcome runs again, and its effect is plain",
    expected: "one-effect",
  },
];
