import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";
import { canonicalBody } from "./canonical-json.ts";

export type Headers = readonly (readonly [name: string, value: string])[];

export interface ModelAnswer {
  status: number;
  headers: Headers;
  body: string;
  /** The body as it is sent, where it is no text. */
  bytes?: Buffer;
}

interface ModelRecord {
  fingerprint: string;
  answer: Promise<ModelAnswer>;
  isDone: boolean;
  replays: number;
}

/** The parts of a request, once it is read. */
export interface ModelCall {
  request: IncomingMessage;
  key: string;
  body: string;
  /** Whether the connection broke before all of the body was there. */
  isBroken: boolean;
}

/** The state of a model as it is on disk. */
export interface StoredModel {
  orders: number;
  records: readonly { name: string; fingerprint: string; answer: ModelAnswer; replays: number }[];
}

/** The refusal of a request, with a link as the draft wants it. */
export const problem = (status: number, title: string): ModelAnswer => ({
  status,
  headers: [
    ["content-type", "application/problem+json"],
    ["retry-after", "1"],
  ],
  body: JSON.stringify({ type: "https://example.com/keys", title }),
});

/** How long an order waits for the next request of a race, milliseconds: on a busy machine it may be that late. */
const lateMsMax = 500;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function quotedKey(value: string): string | undefined {
  const [, key] = /^"([\x21-\x7e]+)"(;[a-z]+=[a-z]+)*$/.exec(value) ?? [];
  return key?.includes('"') ? undefined : key;
}

/**
 * A small server that keeps every rule, and is put together of parts, each of which can be replaced by one that breaks a
 * rule. Its state can be stored before a response leaves, and loaded by the process that follows.
 */
export class ModelServer {
  readonly records = new Map<string, ModelRecord>();
  orders = 0;
  /** How long an order takes, milliseconds. */
  workMs = 3;
  /** How many requests a race has. An order takes until that many were read since the server was last idle, if they come. */
  racers = 1;
  /** The policy that it states; empty for none. */
  policy = "required, retention=604800, key-length=255";
  #unanswered = 0;
  #racing = 0;
  readonly #race = new EventEmitter();

  /** The values of the key's header; `undefined` without any. */
  keyValues(request: IncomingMessage): readonly string[] {
    return request.headersDistinct["idempotency-key"] ?? [];
  }

  /** The key, or a refusal. */
  key(values: readonly string[]): string | ModelAnswer | undefined {
    const [value] = values;
    if (value === undefined) return problem(400, "no key");
    if (values.length > 1) return problem(400, "two keys");
    const key = value.startsWith('"') ? quotedKey(value) : value;
    return key !== undefined && /^[\x21-\x7e]{1,255}$/.test(key) ? key : problem(400, "no such key");
  }

  /** The account, whatever token it has at the moment: `acme`, `acme renewed`. */
  scope(request: IncomingMessage): string {
    return (request.headers.authorization ?? "anonymous").split(" ")[0]!;
  }

  admits(request: IncomingMessage): ModelAnswer | undefined {
    return request.headers.authorization === undefined ? problem(401, "who are you?") : undefined;
  }

  recordName({ request, key }: ModelCall): string {
    return `${this.scope(request)} ${key}`;
  }

  fingerprint({ request, body }: ModelCall): string {
    const [path, query = ""] = request.url!.split("?");
    const fields = query.split("&").sort().join("&");
    const type = request.headers["content-type"]?.split(";")[0];
    return sha256([request.method, path, fields, type, canonicalBody(body)].join("\n"));
  }

  /** The answer to a known key. */
  async repeat(record: ModelRecord, call: ModelCall): Promise<ModelAnswer> {
    if (record.fingerprint !== this.fingerprint(call)) return this.reused(record, call);
    if (!record.isDone) return this.inProgress(record, call);
    record.replays += 1;
    return this.replayed(await record.answer, record, call);
  }

  reused(_record: ModelRecord, _call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    return problem(422, "another request");
  }

  inProgress(_record: ModelRecord, _call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    return problem(409, "in progress");
  }

  replayed(answer: ModelAnswer, _record: ModelRecord, _call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    const headers = answer.headers.filter(([name]) => name !== "set-cookie");
    return { ...answer, headers: [...headers, ["idempotent-replayed", "true"]] };
  }

  /** Carries an order out. */
  async work({ body }: ModelCall): Promise<ModelAnswer> {
    let order: { fail?: boolean };
    try {
      order = JSON.parse(body) as typeof order;
    } catch {
      return { status: 400, headers: [], body: "no JSON" };
    }
    await this.takeTime();
    this.orders += 1;
    if (order.fail) return { status: 500, headers: [], body: "failed" };
    const id = String(this.orders);
    return {
      status: 201,
      headers: [
        ["content-type", "application/json"],
        ["location", `/orders/${id}`],
        ["link", "</a>; rel=a"],
        ["link", "</b>; rel=b"],
        ["x-order", id],
        ["set-cookie", `session=${id}`],
      ],
      body: JSON.stringify({ id, order }),
    };
  }

  /** Takes as long as an order does. */
  async takeTime(): Promise<void> {
    while (this.#racing < this.racers && (await this.#isJoined()));
    await setTimeout(this.workMs);
  }

  /** Waits for the next request: `false` when none comes. */
  #isJoined(): Promise<boolean> {
    const signal = AbortSignal.timeout(lateMsMax);
    return once(this.#race, "join", { signal }).then(
      () => true,
      () => false,
    );
  }

  /** Decides about a record when its work is done. */
  done(_name: string, record: ModelRecord, _answer: ModelAnswer, _call: ModelCall): void {
    record.isDone = true;
  }

  async once(call: ModelCall): Promise<ModelAnswer> {
    const name = this.recordName(call);
    const known = this.records.get(name);
    if (known !== undefined) return this.repeat(known, call);
    const answer = this.work(call);
    const record = { fingerprint: this.fingerprint(call), answer, isDone: false, replays: 0 };
    this.records.set(name, record);
    this.done(name, record, await answer, call);
    return answer;
  }

  /** Reads the body. */
  async body(request: IncomingMessage): Promise<{ body: string; isBroken: boolean }> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return { body: Buffer.concat(chunks).toString(), isBroken: true };
    }
    return { body: Buffer.concat(chunks).toString(), isBroken: false };
  }

  broken(_call: ModelCall): Promise<ModelAnswer> | ModelAnswer {
    return problem(400, "half a request");
  }

  async answer(request: IncomingMessage): Promise<ModelAnswer> {
    if (request.method === "GET") return { status: 200, headers: [], body: "orders" };
    const key = this.key(this.keyValues(request));
    if (typeof key === "object") return key;
    const refused = this.admits(request);
    if (refused !== undefined) return refused;
    const call = { request, key: key ?? "", ...(await this.body(request)) };
    if (call.isBroken) return this.broken(call);
    return key === undefined ? this.work(call) : this.once(call);
  }

  /** All that a process knows once its requests are answered. Work that it is at dies with it. */
  async stored(): Promise<StoredModel> {
    const done = [...this.records].filter(([, { isDone }]) => isDone);
    const records = done.map(async ([name, { fingerprint, answer, replays }]) => {
      return { name, fingerprint, answer: await answer, replays };
    });
    return { orders: this.orders, records: await Promise.all(records) };
  }

  /** Takes over from a process that is gone. */
  load({ orders, records }: StoredModel): void {
    this.orders = orders;
    this.records.clear();
    for (const { name, answer, ...record } of records)
      this.records.set(name, { ...record, answer: Promise.resolve(answer), isDone: true });
  }

  /** Stores its state before a response leaves. */
  async store(): Promise<void> {}

  /** Answers a request; at `/effects`, with the number of its orders. */
  async listen(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/effects") return void response.end(String(this.orders));
    this.#unanswered += 1;
    request.once("end", () => {
      this.#racing += 1;
      this.#race.emit("join");
    });
    const { status, headers, body, bytes } = await this.answer(request);
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#racing = 0;
    await this.store();
    response.writeHead(
      status,
      [...headers, ...(this.policy === "" ? [] : [["idempotency-key-policy", this.policy] as const])].flat(),
    );
    response.end(bytes ?? body);
  }
}
