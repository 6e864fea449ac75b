import { type FakeClock, fakeClock } from "@once-again/testing";
import { countRows, type Database, MortalProcess, type Rows } from "./mortal-process.ts";
import { countOf, type Story } from "./story.ts";

type PlaceOrder = (database: Database, key: string, item: string) => Promise<string>;

/** Exercise 12: the server dies at each point in turn. */
export async function gradeTransaction(placeOrder: PlaceOrder, story: Story): Promise<void> {
  const order = (rows: Rows, dieAt = Number.POSITIVE_INFINITY) => {
    const server = new MortalProcess(rows, dieAt);
    return { server, id: server.run((database) => placeOrder(database, "order-1", "coffee")) };
  };

  story.at(1);
  const rows: Rows = new Map();
  const { server, id } = order(rows);
  const first = await id;
  story.expect(countRows(rows, "orders") === 1, `${countOf(countRows(rows, "orders"), "order")} were made`);
  for (let dieAt = 0; dieAt < server.points; dieAt += 1) {
    story.at(2);
    const rows: Rows = new Map();
    const dying = order(rows, dieAt);
    await dying.id;
    story.at(3);
    const repeated = await order(rows).id;
    const orders = countRows(rows, "orders");
    const death = `the server died ${dying.server.diedWhere}`;
    story.expect(orders === 1, `${death}, and after the repeat there were ${countOf(orders, "order")}`);
    story.expect(rows.has(`orders/${repeated}`), `${death}, and the repeat got the id of no order`);
  }
  story.at(4);
  const third = await order(rows).id;
  story.expect(third === first, `the repeat got the id ${third}, and the order has ${first}`);
  story.expect(countRows(rows, "orders") === 1, "the repeat made another order");
}

interface Message {
  readonly id: string;
  readonly item: string;
  acknowledge(): Promise<void>;
}

type Consume = (message: Message, database: Database) => Promise<void>;

/** Exercise 13: the consumer dies at each point in turn, and the queue delivers again. */
export async function gradeAcknowledgement(consume: Consume, story: Story): Promise<void> {
  /** Delivers a message to a consumer. Answers the consumer, and whether it acknowledged. */
  const deliver = async (rows: Rows, id: string, dieAt = Number.POSITIVE_INFINITY) => {
    const consumer = new MortalProcess(rows, dieAt);
    let isAcknowledged = false;
    const acknowledge = (): Promise<void> =>
      consumer.call("the acknowledgement", () => {
        isAcknowledged = true;
      });
    await consumer.run((database) => consume({ id, item: "coffee", acknowledge }, database));
    return { consumer, isAcknowledged };
  };

  story.at(1);
  const rows: Rows = new Map();
  const { consumer, isAcknowledged } = await deliver(rows, "message-1");
  story.expect(isAcknowledged, "the consumer did not acknowledge");
  const made = countRows(rows, "shipments");
  story.expect(made === 1, `the consumer made ${countOf(made, "shipment")}`);
  for (let dieAt = 0; dieAt < consumer.points; dieAt += 1) {
    story.at(2);
    const rows: Rows = new Map();
    const dying = await deliver(rows, "message-1", dieAt);
    if (!dying.isAcknowledged) {
      const again = await deliver(rows, "message-1");
      story.expect(again.isAcknowledged, "the consumer did not acknowledge the message when it came again");
    }
    const shipments = countRows(rows, "shipments");
    const death = `the consumer died ${dying.consumer.diedWhere}`;
    story.at(3);
    story.expect(shipments > 0, `${death}, and the message was lost: there was no shipment`);
    story.at(4);
    story.expect(shipments === 1, `${death}, and the message shipped ${shipments} times`);
  }
  story.at(5);
  await deliver(rows, "message-2");
  story.expect(countRows(rows, "shipments") === 2, "another message with the same item made no shipment");
}

type Claim = "yours" | "busy" | "done";

interface Worker {
  readonly store: {
    claim(key: string, worker: string, leaseMs: number): Promise<Claim>;
    renew(key: string, worker: string, leaseMs: number): Promise<boolean>;
    markDone(key: string, worker: string): Promise<void>;
  };
  readonly clock: { timer(delayMs: number, callback: () => void): () => void };
  readonly charge: () => Promise<void>;
}

type ChargeOnce = (key: string, worker: string, parts: Worker) => Promise<"charged" | "busy" | "done">;

/** The key store, the bank and the workers of exercise 9, all on one fake clock. */
class Payments {
  readonly clock: FakeClock = fakeClock();
  readonly #chargeOnce: ChargeOnce;
  readonly #records = new Map<string, { worker: string; leaseEndMs: number; isDone: boolean }>();
  readonly #dead = new Set<string>();
  charges = 0;

  constructor(chargeOnce: ChargeOnce) {
    this.#chargeOnce = chargeOnce;
  }

  /** Starts a worker on a payment. `result` is what it answered, once it has. */
  start(key: string, worker: string, chargeMs: number): { result: string | undefined } {
    const started: { result: string | undefined } = { result: undefined };
    const charge = async (): Promise<void> => {
      await new Promise<void>((resolve) => void this.#timer(worker, chargeMs, resolve));
      this.charges += 1;
    };
    const clock = { timer: (delayMs: number, callback: () => void) => this.#timer(worker, delayMs, callback) };
    this.#chargeOnce(key, worker, { store: this.#openStore(), clock, charge }).then(
      (result) => (started.result = result),
      (error: unknown) => (started.result = `threw ${String(error)}`),
    );
    return started;
  }

  kill(worker: string): void {
    this.#dead.add(worker);
  }

  /** A timer of a worker, which does not fire once the worker is dead. */
  #timer(worker: string, delayMs: number, callback: () => void): () => void {
    return this.clock.timer(delayMs, () => {
      if (!this.#dead.has(worker)) callback();
    });
  }

  #openStore(): Worker["store"] {
    const find = (key: string) => this.#records.get(key);
    const isHeldBy = (key: string, worker: string): boolean => {
      const record = find(key);
      return record?.worker === worker && !record.isDone && record.leaseEndMs > this.clock.now();
    };
    return {
      claim: async (key, worker, leaseMs) => {
        const record = find(key);
        if (record?.isDone) return "done";
        if (record !== undefined && record.leaseEndMs > this.clock.now()) return "busy";
        this.#records.set(key, { worker, leaseEndMs: this.clock.now() + leaseMs, isDone: false });
        return "yours";
      },
      renew: async (key, worker, leaseMs) => {
        if (!isHeldBy(key, worker)) return false;
        this.#records.set(key, { worker, leaseEndMs: this.clock.now() + leaseMs, isDone: false });
        return true;
      },
      markDone: async (key, worker) => {
        if (isHeldBy(key, worker)) find(key)!.isDone = true;
      },
    };
  }
}

/** Exercise 9. */
export async function gradeLease(chargeOnce: ChargeOnce, story: Story): Promise<void> {
  const payments = new Payments(chargeOnce);
  const { clock } = payments;

  story.at(1);
  const one = payments.start("payment-1", "one", 5000);
  await clock.advance(2000);
  story.at(2);
  const two = payments.start("payment-1", "two", 5000);
  await clock.advance(10_000);
  story.expect(payments.charges < 2, "worker two charged the payment while worker one was charging it");
  story.expect(
    two.result === "busy",
    `worker two did not find the payment busy: ${two.result ?? "it was still waiting"}`,
  );
  story.at(3);
  story.expect(
    one.result === "charged",
    `worker one did not end as "charged": ${one.result ?? "it was still waiting"}`,
  );
  const three = payments.start("payment-1", "three", 5000);
  await clock.advance(10_000);
  story.expect(payments.charges === 1, `the payment was charged ${payments.charges} times`);
  story.expect(
    three.result === "done",
    `worker three did not find the payment done: ${three.result ?? "it was still waiting"}`,
  );

  story.at(4);
  payments.start("payment-2", "four", 5000);
  await clock.advance(2000);
  payments.kill("four");
  await clock.advance(59_000);
  const five = payments.start("payment-2", "five", 5000);
  await clock.advance(10_000);
  story.expect(five.result === "charged", "a minute after the death of its worker the payment could not be claimed");

  story.at(5);
  payments.charges = 0;
  payments.start("payment-3", "six", 600_000);
  for (let minute = 0; minute < 20; minute += 1) {
    await clock.advance(29_000);
    payments.start("payment-3", `late-${minute}`, 1000);
    await clock.advance(1000);
  }
  await clock.advance(10_000);
  story.expect(payments.charges === 1, `the payment of 10 minutes was charged ${payments.charges} times`);
}
