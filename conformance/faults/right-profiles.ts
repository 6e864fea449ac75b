import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type ModelAnswer, type ModelCall, ModelServer, problem } from "./right-server.ts";
import { canonicalBody } from "./canonical-json.ts";

const json = (status: number, body: object): ModelAnswer => ({
  status,
  headers: [
    ["content-type", "application/json"],
    ["retry-after", "1"],
  ],
  body: JSON.stringify(body),
});

/** An error as the Agentic Commerce Protocol writes it. */
export const acpError = (status: number, code: string): ModelAnswer =>
  json(status, { type: "invalid_request", code, message: code });

/** An error as Stripe writes it. */
export const stripeError = (status: number, type: string): ModelAnswer => json(status, { error: { type } });

const isFailing = (body: string): boolean => body.includes('"fail":true');

const pathOf = (request: IncomingMessage): string => request.url!.split("?")[0]!;

/** A server that keeps every rule of the Agentic Commerce Protocol. */
export class AcpModel extends ModelServer {
  override key(values: readonly string[]): string | ModelAnswer | undefined {
    const key = super.key(values);
    return typeof key === "object" ? acpError(400, "idempotency_key_required") : key;
  }

  override recordName({ request, key }: ModelCall): string {
    return `${this.scope(request)} ${pathOf(request)} ${key}`;
  }

  override fingerprint({ body }: ModelCall): string {
    return canonicalBody(body);
  }

  override reused(_record: unknown, _call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    return acpError(422, "idempotency_conflict");
  }

  override inProgress(): ModelAnswer | Promise<ModelAnswer> {
    return acpError(409, "idempotency_in_flight");
  }

  /** A failure is rolled back. */
  override async work(call: ModelCall): Promise<ModelAnswer> {
    return isFailing(call.body) ? json(500, { type: "processing_error" }) : super.work(call);
  }

  override done(name: string, record: Parameters<ModelServer["done"]>[1], answer: ModelAnswer, call: ModelCall): void {
    if (answer.status >= 500) this.records.delete(name);
    else super.done(name, record, answer, call);
  }

  override async answer(request: IncomingMessage): Promise<ModelAnswer> {
    const answer = await super.answer(request);
    const key = request.headers["idempotency-key"];
    return typeof key === "string" ? { ...answer, headers: [...answer.headers, ["idempotency-key", key]] } : answer;
  }
}

/** A server that keeps every rule of Stripe's manner. */
export class StripeModel extends ModelServer {
  override policy = "optional, retention=86400, key-length=255";

  override key(values: readonly string[]): string | ModelAnswer | undefined {
    return values.length === 0 ? undefined : super.key(values);
  }

  override reused(_record: unknown, _call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    return stripeError(400, "idempotency_error");
  }

  override inProgress(): ModelAnswer | Promise<ModelAnswer> {
    return stripeError(409, "invalid_request_error");
  }

  /** A refusal began no execution. */
  override done(name: string, record: Parameters<ModelServer["done"]>[1], answer: ModelAnswer, call: ModelCall): void {
    if (answer.status >= 400 && answer.status < 500) this.records.delete(name);
    else super.done(name, record, answer, call);
  }
}

/** A server that keeps every rule of the Universal Commerce Protocol. */
export class UcpModel extends ModelServer {
  override reused(_record: unknown, _call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    return problem(409, "other parameters");
  }
}

/** A secret of the model's, as it is written. */
export const webhookSecret = `whsec_${Buffer.from("a secret of exactly 32 bytes !!!").toString("base64")}`;

/** A delivery, as it is verified. */
export interface Delivery {
  id: string;
  time: string;
  signatures: readonly string[];
  body: Buffer;
}

/** A receiver that keeps every rule of Standard Webhooks. */
export class WebhookModel extends ModelServer {
  override policy = "";
  readonly secret = Buffer.from(webhookSecret.slice("whsec_".length), "base64");
  readonly toleranceSeconds: number = 300;

  hasId({ id }: Delivery): boolean {
    return id !== "" && !id.includes(".");
  }

  isFresh({ time }: Delivery): boolean {
    const age = Date.now() / 1000 - Number(time);
    return /^\d+$/.test(time) && Math.abs(age) <= this.toleranceSeconds;
  }

  signedContent({ id, time, body }: Delivery): Buffer {
    return Buffer.concat([Buffer.from(`${id}.${time}.`), body]);
  }

  isSigned(delivery: Delivery): boolean {
    const expected = createHmac("sha256", this.secret).update(this.signedContent(delivery)).digest();
    return delivery.signatures.some((signature) => this.matches(signature, expected));
  }

  matches(signature: string, expected: Buffer): boolean {
    const [scheme, bytes = ""] = signature.split(",");
    const given = Buffer.from(bytes, "base64");
    return scheme === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  }

  admitsDelivery(delivery: Delivery): boolean {
    return this.hasId(delivery) && this.isFresh(delivery) && this.isSigned(delivery);
  }

  /** A failure is rolled back, and a delivery that is taken has no body. */
  override async work(call: ModelCall): Promise<ModelAnswer> {
    if (isFailing(call.body)) {
      await this.takeTime();
      return problem(500, "failed");
    }
    const { status } = await super.work(call);
    return status < 400 ? { status: 204, headers: [], body: "" } : problem(status, "failed");
  }

  override done(name: string, record: Parameters<ModelServer["done"]>[1], answer: ModelAnswer, call: ModelCall): void {
    if (answer.status >= 500) this.records.delete(name);
    else super.done(name, record, answer, call);
  }

  override scope(): string {
    return "warehouse";
  }

  override fingerprint(_call: ModelCall): string {
    return "the id says what it is";
  }

  override async body(request: IncomingMessage): Promise<{ body: string; isBroken: boolean; bytes: Buffer }> {
    const read = await super.body(request);
    return { ...read, bytes: Buffer.from(read.body) };
  }

  override async answer(request: IncomingMessage): Promise<ModelAnswer> {
    const { body, isBroken, bytes } = await this.body(request);
    const header = (name: string): string => request.headers[name]?.toString() ?? "";
    const delivery: Delivery = {
      id: header("webhook-id"),
      time: header("webhook-timestamp"),
      signatures: header("webhook-signature").split(" "),
      body: bytes,
    };
    return this.receive(delivery, { request, key: delivery.id, body, isBroken });
  }

  async receive(delivery: Delivery, call: ModelCall): Promise<ModelAnswer> {
    if (call.isBroken) return this.broken(call);
    return this.admitsDelivery(delivery) ? this.once(call) : problem(401, "who signed this?");
  }
}
