import { parseRetryAfter } from "../../../delivery/index.ts";
import type { CancellationReason, Item } from "../api-types.ts";
import { isDated, readDates } from "../server-time.ts";
import { decodeOutput, isObject } from "./json.ts";
import type { HttpAnswer } from "./post.ts";

/** An answer that is an error. Its name is DynamoDB's, and it has what the errors of the SDK have. */
export class AnswerError extends Error {
  readonly $metadata: { readonly httpStatusCode: number; readonly requestId: string | undefined };
  /** The item that was there, with a condition that does not hold. */
  readonly Item: Item | undefined;
  readonly CancellationReasons: readonly CancellationReason[] | undefined;
  /** The time by the answer, milliseconds since the epoch. */
  readonly answeredAt: number | undefined;
  /** How long the service asks to wait, milliseconds. */
  readonly hintMs: number | undefined;
  /** Whether DynamoDB gave the error its name: else a server between may have answered. */
  readonly isNamed: boolean;

  constructor(name: string, message: string, { status, headers }: HttpAnswer, output?: Record<string, unknown>) {
    super(message);
    this.isNamed = output !== undefined;
    this.name = name;
    this.$metadata = { httpStatusCode: status, requestId: textIn(headers["x-amzn-requestid"]) };
    const { Item: item, CancellationReasons: reasons } = output ?? {};
    this.Item = isObject(item) ? (item as Item) : undefined;
    this.CancellationReasons = Array.isArray(reasons) ? reasons.map((one) => (isObject(one) ? one : {})) : undefined;
    this.answeredAt = isDated(headers.date) ? readDates(headers.date).first : undefined;
    const hint = Number(headers["x-amz-retry-after"] ?? Number.NaN);
    this.hintMs = hint >= 0 ? hint : parseRetryAfter(headers["retry-after"] ?? null, this.answeredAt ?? 0);
  }
}

/** The output in an answer; an error for any other answer. */
export function readAnswer(answer: HttpAnswer): Record<string, unknown> | AnswerError {
  const { status, headers, body } = answer;
  // Each answer of DynamoDB has an id. A portal, or a proxy, that says yes to all gives none.
  const isOurs = headers["x-amzn-requestid"] !== undefined || status >= 400;
  const output = isOurs ? decodeOutput(body) : undefined;
  // No output has a type: what is between has made a success of an error.
  if (status === 200 && output !== undefined && !("__type" in output)) return output;
  const type = textIn(output?.["__type"])?.match(/(?:^|#)(\w+)$/)?.[1];
  // A server that failed has decided nothing about a condition, whatever it calls that.
  if (type !== undefined && status >= 400 && status < 500) {
    return new AnswerError(type, textIn(output?.["message"] ?? output?.["Message"]) ?? type, answer, output);
  }
  return new AnswerError(
    "DynamodbAnswerError",
    `DynamoDB, or a server between, has answered with status ${status} and ${JSON.stringify(body.slice(0, 200))}.`,
    answer,
  );
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
