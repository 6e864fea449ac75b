import { flakyNetwork } from "@once-again/testing";
import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { gradeByVerify } from "./grade-by-verify.ts";
import { type Handler, serveHandler } from "./serve-handler.ts";
import { countOf, type Story } from "./story.ts";

/** How long a write takes, milliseconds: long enough that copies meet. */
const writeMs = 3;

type CreateShop<Parts> = (parts: Parts) => Handler;

/** Counts the orders that are made. */
class OrderBook {
  count = 0;

  async add(): Promise<number> {
    await sleep(systemClock, writeMs);
    this.count += 1;
    return this.count;
  }
}

interface ShopDatabase {
  addOrder(item: string): Promise<number>;
  readAddresses(user: string): Promise<string[]>;
  writeAddresses(user: string, addresses: string[]): Promise<void>;
}

/** Exercise 1: the shop behind a network that loses responses. */
export async function gradePostAndPut(createShop: CreateShop<ShopDatabase>, story: Story): Promise<void> {
  const orders = new OrderBook();
  const addresses = new Map<string, string[]>();
  const shop = createShop({
    addOrder: () => orders.add(),
    readAddresses: async (user) => [...(addresses.get(user) ?? [])],
    writeAddresses: async (user, list) => void addresses.set(user, [...list]),
  });
  await using served = await serveHandler(shop);
  await using network = await flakyNetwork({ upstream: served });
  const send = async (path: string, init: RequestInit): Promise<Response> =>
    fetch(`${network.url}${path}`, { ...init, headers: { ...init.headers, connection: "close" } });
  /** Sends twice, since the first response is lost. */
  const sendTwice = async (path: string, init: RequestInit): Promise<Response> => {
    network.next({ scenario: "lose-answer" });
    await send(path, init).catch(() => undefined);
    return send(path, init);
  };
  const post = (key: string): RequestInit => ({
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify({ item: "coffee" }),
  });

  story.at(1);
  network.next({ scenario: "lose-answer" });
  const put = { method: "PUT", body: "1 Main Street" };
  await send("/users/ada", put).catch(() => undefined);
  story.expect(addresses.get("ada")?.length === 1, "the PUT stored no address");
  story.at(2);
  await send("/users/ada", put);
  const stored = addresses.get("ada") ?? [];
  story.expect(stored.join() === "1 Main Street", `after the repeated PUT Ada had ${stored.length} addresses, not 1`);
  story.at(4);
  const response = await sendTwice("/orders", post("order-1"));
  story.expect(orders.count === 1, `${orders.count} orders were made for one key`);
  const { id } = (await response.json()) as { id?: unknown };
  story.expect(id === 1, `the repeat got the id ${JSON.stringify(id)}, not that of the order`);
  story.at(5);
  await send("/orders", post("order-2"));
  story.expect(orders.count === 2, "the order with another key was not made");
}

interface Orders {
  add(...words: readonly string[]): Promise<number>;
}

/** Exercise 2. */
export async function gradeAnswerToRepeat(createShop: CreateShop<Orders>, story: Story): Promise<void> {
  const orders = new OrderBook();
  await gradeByVerify(createShop(orders), story, {
    effects: () => orders.count,
    steps: [
      [2, ["R01"]],
      [3, ["R02"]],
      [4, ["R03", "R04", "R05"]],
    ],
  });
}

/** Exercise 5. */
export async function gradeAccounts(createShop: CreateShop<Orders>, story: Story): Promise<void> {
  const orders = new OrderBook();
  await gradeByVerify(createShop(orders), story, {
    effects: () => orders.count,
    headers: [["X-Account", "acme"]],
    otherHeaders: [["X-Account", "other"]],
    steps: [
      [1, ["R01"]],
      [2, ["S01"]],
      [3, ["S03"]],
      [4, ["S02"]],
    ],
  });
}

interface KeyedDatabase {
  findResponse(key: string): Promise<string | undefined>;
  insertKey(key: string): Promise<boolean>;
  storeResponse(key: string, body: string): Promise<void>;
  addOrder(item: string): Promise<number>;
}

/** Exercise 6. */
export async function gradeRace(createShop: CreateShop<KeyedDatabase>, story: Story): Promise<void> {
  const orders = new OrderBook();
  const keys = new Set<string>();
  const responses = new Map<string, string>();
  const trip = (): Promise<void> => sleep(systemClock, 1);
  const shop = createShop({
    findResponse: async (key) => {
      await trip();
      return responses.get(key);
    },
    insertKey: async (key) => {
      await trip();
      const isNew = !keys.has(key);
      keys.add(key);
      return isNew;
    },
    storeResponse: async (key, body) => {
      await trip();
      responses.set(key, body);
    },
    addOrder: () => orders.add(),
  });
  await gradeByVerify(shop, story, {
    effects: () => orders.count,
    steps: [
      [2, ["C01"]],
      [3, ["C02"]],
      [4, ["R01", "R03"]],
    ],
  });
}

/** Exercise 7. */
export async function gradeAnotherBody(createShop: CreateShop<Orders>, story: Story): Promise<void> {
  const orders = new OrderBook();
  await gradeByVerify(createShop(orders), story, {
    effects: () => orders.count,
    steps: [
      [1, ["R01"]],
      [2, ["F01"]],
      [3, ["F02"]],
      [4, ["F03"]],
    ],
  });
}

interface Bank {
  charge(amount: number): Promise<string>;
}

/** Exercise 8: a bank that counts its charges. */
export async function gradeStoredFailure(createShop: CreateShop<Bank>, story: Story): Promise<void> {
  let isUp = false;
  let charges = 0;
  const shop = createShop({
    charge: async () => {
      await sleep(systemClock, writeMs);
      if (!isUp) throw new Error("connection refused");
      charges += 1;
      return `charge-${charges}`;
    },
  });
  const pay = async (key: string) => {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    const init = { method: "POST", headers, body: JSON.stringify({ amount: 4 }) };
    const response = await shop(new Request("http://127.0.0.1/payments", init));
    return { status: response.status, body: await response.text() };
  };

  story.at(1);
  const refused = await pay("payment-1");
  story.expect(refused.status === 503, `the shop answered ${refused.status} while the bank was down`);
  story.at(2);
  isUp = true;
  const paid = await pay("payment-1");
  story.expect(paid.status === 201, `the bank was up, and the repeat still got ${paid.status}`);
  story.expect(charges === 1, `the bank made ${countOf(charges, "charge")}`);
  story.at(3);
  const again = await pay("payment-1");
  story.expect(charges === 1, `the second repeat charged again: ${countOf(charges, "charge")}`);
  story.expect(again.status === 201 && again.body === paid.body, `the second repeat got ${again.status} ${again.body}`);
  story.at(4);
  await Promise.all([pay("payment-2"), pay("payment-2")]);
  story.expect(charges === 2, `two copies at once made ${countOf(charges - 1, "charge")}`);
}
