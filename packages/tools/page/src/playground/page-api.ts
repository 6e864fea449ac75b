import type { Clock, Random } from "once-again";
import { onceWeb } from "once-again/web";
import type { Awaitable } from "once-again/internal";
import { parseOrder, totalOf } from "../../../src/lab/orders.ts";
import { callerHeader } from "../../../src/lab/send-order.ts";
import {
  type Charge,
  type ChargeTransaction,
  type DatabaseStep,
  type PageDatabase,
  pageDatabase,
} from "./page-database.ts";
import { type PageProcess, pageProcess } from "./page-process.ts";

/**
 * Where the card is charged: by a row in the server's own database, at a payment provider, or at a provider that honours
 * keys itself.
 */
export type EffectPlace = "row" | "provider" | "keyed-provider";

/** In the order in which they are shown. */
export const effectPlaces = ["row", "provider", "keyed-provider"] as const satisfies readonly EffectPlace[];

/** A step of the server's work on one request. */
export type ServerStep = "arrived" | "claimed" | "charged" | "stored";

/** The payment server of the page. It is a process that can die; its database does not. */
export interface PageApi {
  readonly process: PageProcess;
  readonly database: PageDatabase;
  /** Serves a request. Never settles when the process dies before. */
  serve(request: Request): Promise<Response>;
  /** Ends the process, in the middle of all that it does. Returns how many transactions were rolled back. */
  die(): number;
  start(): void;
}

export interface PageApiOptions {
  readonly clock: Clock;
  /** Default the machine's. */
  readonly random?: Random | undefined;
  readonly effect: EffectPlace;
  /** For how long a claim of the leased mode holds, milliseconds. */
  readonly leaseMs: number;
  /** Called before a step. It may end the process: then the step is not done. */
  readonly before?: (step: ServerStep) => void;
  /** Called when a step is done. */
  readonly after?: (step: ServerStep) => void;
}

type Handler = (request: Request) => Promise<Response>;

/** The payment server: the library's own adapter for web handlers, its engine and its memory store, in this page. */
export function pageApi({ clock, random, effect, leaseMs, before, after }: PageApiOptions): PageApi {
  const process = pageProcess(clock);
  const database = pageDatabase(clock);
  const provider = paymentProvider(database);
  const step = <Value>(name: ServerStep, work: () => Awaitable<Value>, isDone?: (value: Value) => boolean) =>
    process.reach(() => {
      before?.(name);
      return process.reach(async () => {
        const value = await work();
        if (isDone?.(value) ?? true) after?.(name);
        return value;
      });
    });

  /** Makes the order, and charges it where the shop charges. */
  const makeOrder = async (request: Request, key: string | undefined, transaction?: ChargeTransaction) => {
    const read = parseOrder(await request.text());
    if ("problem" in read) return Response.json(read, { status: 400 });
    const { id: orderId, currency } = read.order;
    const row = { caller: callerOf(request), orderId, amount: totalOf(read.order), currency };
    await step("charged", () => {
      if (transaction !== undefined) transaction.charge(row);
      else provider.charge(row, effect === "keyed-provider" ? key : undefined);
    });
    return Response.json({ order: orderId, amount: row.amount, currency }, { status: 201 });
  };
  const open = (): Handler => {
    const store = database.storeOf(process, step satisfies DatabaseStep);
    // The careless callers send no key. Time stands while the server is at work, so a repeat that waited would wait for ever.
    const rules = { scope: callerOf, profile: { keyRequired: false }, clock: process.clock, random } as const;
    const options = { ...rules, waitMs: 0 } as const;
    if (effect === "row") {
      return onceWeb({ ...options, mode: "transactional", store }, (request, { key, transaction }) =>
        makeOrder(request, key, transaction),
      );
    }
    // With keys at the provider a repeat is safe there, too, so an unknown outcome needs no person.
    const onUnknown =
      effect === "keyed-provider" ? ({ action: "rerun", acknowledgeDuplicates: true } as const) : "hold";
    return onceWeb({ ...options, store, leaseMs, onUnknown }, (request, { key }) => makeOrder(request, key));
  };
  let handle = open();
  return {
    process,
    database,
    async serve(request) {
      await step("arrived", () => undefined);
      return process.reach(() => handle(request));
    },
    die() {
      process.die();
      return database.rollBack();
    },
    start() {
      process.start();
      handle = open();
    },
  };
}

const callerOf = (request: Request): string => request.headers.get(callerHeader) ?? "";

/** Charges cards. With a key it honours it, as good providers do. */
function paymentProvider(database: PageDatabase) {
  const known = new Set<string>();
  return {
    charge(row: Charge, key: string | undefined): void {
      if (key !== undefined && known.has(key)) return;
      if (key !== undefined) known.add(key);
      database.add(row);
    },
  };
}
