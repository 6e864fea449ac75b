import type { DatabaseSync } from "node:sqlite";
import {
  type InboxMessage,
  type InboxVerdict,
  openInbox,
} from "../../../packages/once-again/src/messaging/inbox/index.ts";
import type { InboxRules } from "../../../packages/once-again/src/messaging/inbox/inbox-options.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import type {
  ContractCase,
  InboxContractRules,
  InboxFixture,
  InboxUnderTest,
} from "../../../packages/testing/src/index.ts";
import type { TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import { inboxContract } from "../../../packages/testing/src/inbox-contract/inbox-contract.ts";
import { effectsDatabase } from "../effects-database.ts";
import { leasedFixture, transactionalFixture } from "./fixtures.ts";

/** An inbox with one flaw. */
export interface BrokenInbox {
  readonly flaw: string;
  /** The beginning of the name of the case that finds it. */
  readonly caughtBy: string;
  readonly contract: readonly ContractCase[];
}

type SqliteStore = TransactionalStore<DatabaseSync>;
type MoveMark = NonNullable<SqliteStore["moveMark"]>;
type Handle<Transaction> = InboxUnderTest<Transaction>["handle"];
/** Puts a flaw in front of an inbox. */
type Flaw = <Transaction>(handle: Handle<Transaction>, rules: InboxContractRules) => Handle<Transaction>;

const acknowledge = { action: "acknowledge", isRepeat: false } as const;
const repeat = { action: "acknowledge", isRepeat: true } as const;
/** The context of work that runs past the engine. */
const bare = { noEffect: () => undefined } as never;
const failed = { action: "dead-letter", reason: "failed", detail: "" } as const;

const cases = {
  acknowledgement: "a message is acknowledged when its effect is there, and not before",
  lost: "after a lost acknowledgement",
  copies: "of copies at a time one has the effect",
  names: "each consumer has its own effect of each id",
  closed: "a closed inbox runs nothing more",
  mismatch: "another message with an id that was handled",
  unreadable: "a message without a usable id",
  rejected: "a message that its work rejects",
  later: "work that fails without an effect runs later",
  failed: "work that always fails makes a dead letter",
  often: "a message that was delivered too often",
  outage: "while the store can't be reached",
  commit: "a commit that fails is not acknowledged",
  rollback: "nothing is left of work that fails after its effect",
  held: "work that fails and may have had its effect is held",
  unkept: "an effect is not acknowledged when its record",
  numbered: "of numbered messages each has one effect",
  turns: "messages of one partition are handled one after the other",
  rebalance: "two consumers of one partition at a time",
  producer: "an id identifies a message that a producer sent twice",
  unmoved: "what has no effect moves no mark",
  renumbered: "a source that numbers others as it did before",
};

const hexOf = ({ topic, body }: InboxMessage): string =>
  Buffer.from(`${topic}\n${Buffer.from(body).toString("hex")}`).toString("hex");

/** An inbox that keeps a set of what it handled, before or after the work. */
function setInbox(isMarkedFirst: boolean): ContractCase[] {
  const open = (): InboxFixture<undefined> => {
    const handled = new Set<string>();
    return leasedFixture(memoryStore, (_, { consumer }) => ({
      async handle(message, work) {
        const name = `${consumer} ${message.id}`;
        if (handled.has(name)) return repeat;
        if (isMarkedFirst) handled.add(name);
        try {
          await work({ ...message, id: message.id! }, bare);
        } catch {
          return { action: "give-back" };
        }
        handled.add(name);
        return acknowledge;
      },
      close: async () => undefined,
    }));
  };
  return inboxContract({ open });
}

/** A verdict in place of another. */
const instead =
  (action: string, reason: string | undefined, verdict: InboxVerdict): Flaw =>
  (handle) =>
  async (message, work) => {
    const right = await handle(message, work);
    return right.action === action && (right as { reason?: string }).reason === reason ? verdict : right;
  };

/** A message in place of another. */
const changed =
  (change: (message: InboxMessage, rules: InboxContractRules) => Partial<InboxMessage>): Flaw =>
  (handle, rules) =>
  (message, work) =>
    handle({ ...message, ...change(message, rules) }, work);

/** An inbox that acknowledges when its work has ended. */
const acknowledgesWork: Flaw = (handle) => (message, work) => {
  const ended = Promise.withResolvers<typeof acknowledge>();
  const watched: typeof work = async (given, execution) => {
    await work(given, execution);
    ended.resolve(acknowledge);
  };
  return Promise.race([handle(message, watched), ended.promise]);
};

interface Given {
  readonly flaw?: Flaw;
  /** Options that the flaw adds to those of the contract. */
  readonly rules?: Partial<InboxRules>;
  /** Whether each inbox remembers for itself. */
  readonly isForgetful?: boolean;
  /** The verdict that it returns after an error. */
  readonly atErrors?: InboxVerdict;
  readonly close?: "at once" | "never";
}

function flawed<Transaction>(
  open: (rules: InboxRules) => InboxUnderTest<Transaction>,
  rules: InboxContractRules,
  { flaw = (handle) => handle, rules: others = {}, atErrors, close }: Given,
): InboxUnderTest<Transaction> {
  const heard = Promise.withResolvers<InboxVerdict>();
  const onError = (): void => {
    if (atErrors !== undefined) heard.resolve(atErrors);
  };
  const inbox = open({ ...rules, onError, ...others });
  return {
    handle: flaw((message, work) => Promise.race([inbox.handle(message, work), heard.promise]), rules),
    async close() {
      if (close === "never") return;
      const closed = inbox.close();
      if (close === undefined) await closed;
    },
  };
}

function leased(given: Given): ContractCase[] {
  const open = (): InboxFixture<undefined> => {
    const shared = memoryStore();
    return leasedFixture(
      () => (given.isForgetful === true ? memoryStore() : shared),
      (store, rules) => flawed((changed) => openInbox({ store, ...changed }), rules, given),
    );
  };
  return inboxContract({ open });
}

function transactional(given: Given): ContractCase[] {
  const open = (records: string): InboxFixture<DatabaseSync> =>
    transactionalFixture(effectsDatabase(records), (store, rules) =>
      flawed((changed) => openInbox({ mode: "transactional", store, ...changed }), rules, given),
    );
  return inboxContract({ mode: "transactional", open });
}

/** A transactional inbox on a store with wrong marks. */
function badlyMarked(moveMark: (store: SqliteStore) => MoveMark): ContractCase[] {
  const open = (records: string): InboxFixture<DatabaseSync> => {
    const fixture = effectsDatabase(records);
    const store = { ...fixture.store, moveMark: moveMark(fixture.store) };
    return transactionalFixture({ ...fixture, store });
  };
  return inboxContract({ mode: "transactional", open });
}

const dropsId = ({ id, position }: InboxMessage): Partial<InboxMessage> =>
  position === undefined ? { id } : { id: undefined };

/** Transactional inboxes, each of which handles the messages of a partition side by side. */
function passing(): ContractCase[] {
  const open = (records: string): InboxFixture<DatabaseSync> =>
    transactionalFixture(effectsDatabase(records), (store, rules) => {
      const inboxes: InboxUnderTest<DatabaseSync>[] = [];
      return {
        handle(message, work) {
          const inbox = openInbox({ mode: "transactional", store, ...rules });
          inboxes.push(inbox);
          return inbox.handle(message, work);
        },
        close: async () => void (await Promise.all(inboxes.map((inbox) => inbox.close()))),
      };
    });
  return inboxContract({ mode: "transactional", open });
}

/** Remembers marks in the process, which a rollback does not move back. */
function processMarks(): MoveMark {
  const marks = new Map<string, number>();
  return async (_, { scope, key, position }) => {
    const name = JSON.stringify([scope, key]);
    const mark = marks.get(name) ?? -1;
    if (position <= mark) return { kind: "behind", position: mark, storedAt: undefined };
    marks.set(name, position);
    return { kind: "moved" };
  };
}

/** Commits what its work did, although it failed. */
const commitsFailures: Flaw = (handle) => async (message, work) => {
  let hasFailed = false;
  const verdict = await handle(message, async (given, execution) => {
    try {
      await work(given, execution);
    } catch {
      hasFailed = true;
    }
  });
  return hasFailed ? failed : verdict;
};

/** Takes each delivery before this one for a try that failed. */
const countsDeliveries: Flaw =
  (handle, { deliveriesMax }) =>
  (message, work) => {
    let tries = (message.deliveries ?? 1) - 1;
    const tooOften = Promise.withResolvers<InboxVerdict>();
    const counted: typeof work = async (given, execution) => {
      try {
        await work(given, execution);
      } catch (error) {
        if ((tries += 1) >= deliveriesMax!) tooOften.resolve({ ...failed, detail: String(error) });
        throw error;
      }
    };
    return Promise.race([handle(message, counted), tooOften.promise]);
  };

const broken = (flaw: string, caughtBy: keyof typeof cases, contract: readonly ContractCase[]): BrokenInbox => ({
  flaw,
  caughtBy: cases[caughtBy],
  contract,
});

/** Each way to be wrong, and what finds it. */
export const brokenInboxes: readonly BrokenInbox[] = [
  broken(
    "it acknowledges what it gets",
    "acknowledgement",
    leased({ flaw: (handle) => async (message, work) => (void handle(message, work), acknowledge) }),
  ),
  broken(
    "it acknowledges when the work has ended, before the commit",
    "commit",
    transactional({ flaw: acknowledgesWork }),
  ),
  broken(
    "it acknowledges when the work has ended, before its record is stored",
    "unkept",
    leased({ flaw: acknowledgesWork }),
  ),
  broken("it remembers in its process only", "lost", leased({ isForgetful: true })),
  broken("it looks first and acts then", "copies", setInbox(false)),
  broken("it marks a message before its effect", "later", setInbox(true)),
  broken("it forgets the consumer in the key", "names", leased({ rules: { consumer: "all" } })),
  broken(
    "it joins consumer and id without a boundary",
    "names",
    leased({
      rules: { consumer: "all" },
      flaw: changed(({ id }, { consumer }) => ({ id: id && `${consumer}:${id}` })),
    }),
  ),
  broken(
    "it compares ids as a database without case does",
    "names",
    leased({ flaw: changed(({ id }) => ({ id: id?.toLowerCase() })) }),
  ),
  broken("it trims ids", "names", leased({ flaw: changed(({ id }) => ({ id: id?.trim() })) })),
  broken("it drops a mismatch in silence", "mismatch", leased({ flaw: instead("dead-letter", "mismatch", repeat) })),
  broken(
    "it runs a mismatch",
    "mismatch",
    leased({ flaw: changed((message) => ({ id: `${message.id}${hexOf(message)}`.slice(0, 255) })) }),
  ),
  broken("it compares bodies, and no topics", "mismatch", leased({ flaw: changed(() => ({ topic: "all" })) })),
  broken("it drops what has no id", "unreadable", leased({ flaw: instead("dead-letter", "unreadable", repeat) })),
  broken("it makes up ids", "unreadable", leased({ flaw: changed(({ id }) => ({ id: id || crypto.randomUUID() })) })),
  broken("it drops what is rejected", "rejected", leased({ flaw: instead("dead-letter", "rejected", acknowledge) })),
  broken("it drops what always fails", "failed", leased({ flaw: instead("dead-letter", "failed", acknowledge) })),
  broken("it counts deliveries as tries", "failed", leased({ flaw: countsDeliveries })),
  broken("it tries as often as it likes", "failed", leased({ rules: { deliveriesMax: 10 } })),
  broken(
    "it tries what was delivered too often beside others",
    "often",
    leased({ flaw: changed(() => ({ deliveries: 1 })) }),
  ),
  broken(
    "it makes a dead letter of what was delivered too often",
    "often",
    leased({
      flaw:
        (handle, { deliveriesMax }) =>
        async (message, work) =>
          (message.deliveries ?? 1) > deliveriesMax! ? failed : handle(message, work),
    }),
  ),
  broken("it acknowledges what it can't look up", "outage", leased({ atErrors: repeat })),
  broken("it makes a dead letter of what it can't look up", "outage", leased({ atErrors: failed })),
  broken(
    "it runs what it can't look up",
    "outage",
    leased({
      flaw: (handle) => async (message, work) => {
        await work({ ...message, id: message.id! }, bare);
        return handle(message, () => undefined);
      },
    }),
  ),
  broken("it runs what comes after it was closed", "closed", leased({ close: "never" })),
  broken("it is closed while work runs", "closed", leased({ close: "at once" })),
  broken(
    "it runs again what may have had its effect",
    "held",
    leased({ rules: { onUnknown: "rerun", acknowledgeDuplicates: true } }),
  ),
  broken("it commits what work that fails has done", "rollback", transactional({ flaw: commitsFailures })),
  broken(
    "it forgets its marks",
    "numbered",
    badlyMarked(() => async () => ({ kind: "moved" })),
  ),
  broken(
    "it has one mark for all partitions",
    "numbered",
    badlyMarked((store) => (transaction, mark) => store.moveMark!(transaction, { ...mark, key: "all" })),
  ),
  broken(
    "it has one mark for all consumers",
    "numbered",
    badlyMarked((store) => (transaction, mark) => store.moveMark!(transaction, { ...mark, scope: "all" })),
  ),
  broken(
    "it takes no number over a gap",
    "numbered",
    badlyMarked((store) => async (transaction, mark) => {
      const answer = await store.moveMark!(transaction, mark);
      return mark.position > 5 ? { kind: "behind", position: mark.position, storedAt: undefined } : answer;
    }),
  ),
  broken("it moves marks outside of the effect's transaction", "unmoved", badlyMarked(processMarks)),
  broken("it lets a message pass one that is tried again", "turns", passing()),
  broken(
    "it moves a mark that is there already",
    "rebalance",
    badlyMarked((store) => async (transaction, mark) => {
      const answer = await store.moveMark!(transaction, mark);
      return answer.kind === "behind" && answer.position === mark.position ? { kind: "moved" } : answer;
    }),
  ),
  broken("it drops the ids of numbered messages", "producer", transactional({ flaw: changed(dropsId) })),
  broken(
    "it does not look at when a source stored a message",
    "renumbered",
    badlyMarked((store) => (transaction, mark) => store.moveMark!(transaction, { ...mark, storedAt: undefined })),
  ),
];
