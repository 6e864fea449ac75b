import { setTimeout } from "node:timers/promises";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import type { Shop } from "./shop.ts";

/** The set-up in which accidents happen. */
export interface Scene {
  readonly shop: Shop;
  readonly postgres: PrivateServer;
  readonly rabbitmq: PrivateServer;
  /** How often the bank has charged an order. */
  charges(order: string): number;
  /** How many parcels an order has. */
  parcels(order: string): Promise<number>;
  /** Makes a queue of the broker. */
  makeQueue(name: string): Promise<void>;
  /** How many messages a queue has. */
  messagesOf(queue: string): Promise<number>;
}

/** A command of the runbook. */
export interface RunbookStep {
  /** How it begins, behind `once-again`. */
  readonly command: string;
  readonly code?: number;
  readonly prints: RegExp;
}

/** An accident, and what has to follow from it. */
export interface Accident {
  readonly name: string;
  readonly says: string;
  readonly alert: string;
  /** Of the alert's summary and description. */
  readonly text: RegExp;
  /** By when it fires, seconds, with the rules as they stand. */
  readonly withinS: number;
  happen(scene: Scene): Promise<void>;
  /** The calls that come meanwhile, about three times a second. */
  meanwhile?(scene: Scene): Promise<unknown>;
  /** The commands of its runbook that are run while it fires. */
  readonly runbook: readonly RunbookStep[];
  /** A person's work beside the commands. */
  repair?(scene: Scene): Promise<unknown>;
  /** The commands after the repair. */
  readonly after?: readonly RunbookStep[];
  /** The things that are not as they have to be in the end; empty: all are. */
  breaches(scene: Scene): Promise<string[]>;
}

/** Keys and messages have the names that the runbooks use, so that their commands are run as they stand. */
export const accidents: readonly Accident[] = [
  {
    name: "killed",
    says: "the service is killed between a charge and its answer",
    alert: "OnceAgainKeyHeld",
    text: /^1 held keys of shop wait for a person\./,
    withinS: 450,
    async happen({ shop, charges }) {
      const cut = shop.post("/charges", "order-7", { order: "order-7", slow: true });
      while (charges("order-7") === 0) await setTimeout(20);
      await shop.deploy();
      await cut;
    },
    runbook: [
      { command: "keys list --state held", prints: /order-7/ },
      { command: "keys show acme order-7", prints: /may or may not have happened/ },
      { command: "keys resolve acme order-7", prints: /settled/i },
    ],
    async breaches({ shop, charges }) {
      const { status, text } = await shop.post("/charges", "order-7", { order: "order-7", slow: true });
      return [
        ...(status === 201 && text === '{"order":7}' ? [] : [`The repeat got ${status} ${text}`]),
        ...counted("The bank charged order-7", charges("order-7"), 1),
      ];
    },
  },
  {
    name: "refused",
    says: "one message goes to a queue that is not there",
    alert: "OnceAgainMessageUnconfirmed",
    text: /^1 messages of shop were tried, and not confirmed\. .*once-again messages list/s,
    withinS: 240,
    happen: async ({ shop }) =>
      void (await shop.post("/orders", "gift-7", { id: "order-7", item: "tea", topic: "gifts" })),
    runbook: [
      { command: "messages list", prints: /gifts/ },
      { command: "messages show order-7-placed", prints: /order-7/ },
    ],
    repair: ({ makeQueue }) => makeQueue("gifts"),
    breaches: async ({ messagesOf }) => counted("The queue gifts has messages", await messagesOf("gifts"), 1),
  },
  {
    name: "letter",
    says: "a consumer can't do what one message asks for",
    alert: "OnceAgainDeadLetter",
    text: /^Messages of the consumer shipping became dead letters: rejected\./,
    withinS: 120,
    happen: async ({ shop }) => void (await shop.post("/orders", "letter-8", { id: "order-8", item: "forbidden" })),
    runbook: [{ command: "keys list --scope shipping --state held", prints: /no|0/i }],
    breaches: async ({ messagesOf, parcels }) => [
      ...counted("The queue of letters has messages", await messagesOf("shipping.dead"), 1),
      ...counted("The order has parcels", await parcels("order-8"), 0),
    ],
  },
  {
    name: "fingerprint",
    says: "a deployment changes what a fingerprint covers",
    alert: "OnceAgainMismatch",
    text: /^shop answers .*% of its requests that the key belongs to another request\. .*roll it back/s,
    withinS: 720,
    async happen({ shop }) {
      await shop.post("/charges", "order-9", { order: "order-9" });
      await shop.deploy({ FINGERPRINT: "new" });
    },
    meanwhile: ({ shop }) => shop.post("/charges", "order-9", { order: "order-9" }),
    // Its page has the key of the first accident, which ran.
    runbook: [{ command: "keys show acme order-7", prints: /order-7/ }],
    repair: ({ shop }) => shop.deploy(),
    async breaches({ shop, charges }) {
      const { status } = await shop.post("/charges", "order-9", { order: "order-9" });
      return [
        ...(status === 201 ? [] : [`The repeat got ${status}.`]),
        ...counted("The bank charged order-9", charges("order-9"), 1),
      ];
    },
  },
  {
    name: "database",
    says: "the database is killed",
    alert: "OnceAgainStoreFailing",
    text: /^The store of keys fails .*% of the requests of shop\. .*503/s,
    withinS: 300,
    happen: ({ postgres }) => postgres.kill(),
    runbook: [{ command: "keys list --limit 1", code: 2, prints: /ECONNREFUSED|connect/i }],
    repair: ({ postgres }) => postgres.restart(),
    after: [{ command: "keys list --limit 1", prints: /acme|order/ }],
    breaches: async () => [],
  },
  {
    name: "broker",
    says: "the broker is killed",
    alert: "OnceAgainOutboxBacklog",
    text: /^A message of shop has waited to be published for .* did not confirm them: `once-again messages list`/s,
    withinS: 540,
    async happen({ shop, rabbitmq }) {
      await rabbitmq.kill();
      await shop.post("/orders", "late-10", { id: "order-10", item: "tea" });
    },
    runbook: [
      { command: "messages list  ", prints: /shipping/ },
      { command: "messages list --state waiting", prints: /order-10-placed/ },
    ],
    repair: ({ rabbitmq }) => rabbitmq.restart(),
    breaches: async ({ parcels }) => counted("The order has parcels", await parcels("order-10"), 1),
  },
  {
    name: "silent",
    says: "the process that counts is gone",
    alert: "OnceAgainReportsMissing",
    text: /^No process of shop reports .* any more\./,
    withinS: 480,
    happen: ({ shop }) => shop.kill(),
    runbook: [
      // A charge that was on its way at the kill, or outlived its lease of 2 s on a busy machine, is held.
      { command: "keys list --state held", prints: /no|held/i },
      { command: "messages list", prints: /no|0/i },
    ],
    repair: ({ shop }) => shop.deploy(),
    breaches: async () => [],
  },
];

const counted = (what: string, is: number, wanted: number): string[] =>
  is === wanted ? [] : [`${what}: ${is}, not ${wanted}.`];
