import type { Awaitable } from "../../../packages/once-again/src/core/awaitable.ts";
import { openInbox } from "../../../packages/once-again/src/messaging/inbox/index.ts";
import type { Store, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import type {
  InboxContractRules,
  InboxFixture,
  InboxUnderTest,
  TransactionFixture,
} from "../../../packages/testing/src/index.ts";

/** A store that can be out of reach: what is asked of it then fails, and a transaction that is open can't commit. */
export interface InterruptibleStore<Kind extends Store> {
  readonly store: Kind;
  /** Returns what brings it back. */
  interrupt(): () => void;
}

type Call = (...given: unknown[]) => unknown;

/** Which parameter of a call is work that a transaction ends with. */
const workAt: Readonly<Record<string, number>> = { transact: 1, transactStep: 1, transactUnkeyed: 0 };

/** Puts what can be interrupted in front of a store. */
export function interruptible<Kind extends Store>(store: Kind): InterruptibleStore<Kind> {
  let isAway = false;
  const reach = (): void => {
    if (isAway) throw new Error("the store is away");
  };
  const ended =
    (work: Call): Call =>
    async (...given) => {
      const ending = await work(...given);
      reach();
      return ending;
    };
  const reached =
    (name: string, call: Call): Call =>
    async (...given) => {
      reach();
      const parts = given.map((part, index) => (index === workAt[name] ? ended(part as Call) : part));
      return call.apply(store, parts);
    };
  const parts = Object.entries(store).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === "function" && name !== "close" ? reached(name, value as Call) : value,
  ]);
  return {
    store: Object.fromEntries(parts) as Kind,
    interrupt() {
      isAway = true;
      return () => void (isAway = false);
    },
  };
}

/** How an inbox is opened on a store. */
export type Connect<Kind extends Store, Transaction> = (
  store: Kind,
  rules: InboxContractRules,
) => InboxUnderTest<Transaction>;

const openLeased: Connect<Store, undefined> = (store, rules) => openInbox({ store, ...rules });

/** Leased inboxes on connections to one store, with effects in this process. */
export function leasedFixture(
  openStore: () => Awaitable<Store>,
  connect: Connect<Store, undefined> = openLeased,
): InboxFixture<undefined> {
  const effects: string[] = [];
  const opened: InterruptibleStore<Store>[] = [];
  let isAway = false;
  return {
    async connect(rules) {
      const connection = interruptible(await openStore());
      opened.push(connection);
      if (isAway) connection.interrupt();
      return connect(connection.store, rules);
    },
    effect: (_, name) => void effects.push(name),
    effects: () => effects,
    interrupt() {
      isAway = true;
      const restores = opened.map(({ interrupt }) => interrupt());
      return () => {
        isAway = false;
        for (const restore of restores) restore();
      };
    },
    close: () => Promise.all(opened.map(({ store }) => store.close())),
  };
}

/** Transactional inboxes on one store, with effects that are rows beside its records. */
export function transactionalFixture<Transaction>(
  { store, execute, effects }: TransactionFixture<Transaction>,
  connect: Connect<TransactionalStore<Transaction>, Transaction> = (given, rules) =>
    openInbox({ mode: "transactional", store: given, ...rules }),
): InboxFixture<Transaction> {
  const { store: given, interrupt } = interruptible(store);
  return {
    connect: (rules) => connect(given, rules),
    effect: ({ transaction }, name) => execute(transaction, `INSERT INTO effects VALUES ('${name}')`),
    effects,
    interrupt,
    close: () => store.close(),
  };
}
