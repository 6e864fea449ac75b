import type { Check, Mutant } from "./mutant.ts";

const test = (file: string): Check => ({ kind: "test", file });
const store = "packages/once-again/src/stores/dynamodb";
const client = `${store}/without-sdk`;

/** Clients of DynamoDB: the answers that count, and the requests that are sent again. */
export const dynamodbMutants: readonly Mutant[] = [
  {
    guard: "dynamodb: a server between gives no time, without the SDK",
    file: `${client}/send-signed.ts`,
    search: "if (error?.isNamed !== false) attempts.onAnswer",
    replace: "attempts.onAnswer",
    check: test(`${client}/client.test.ts`),
    killedBy: "the time of an answer counts where DynamoDB has given it",
  },
  {
    guard: "dynamodb: a server between gives no time, by the SDK",
    file: `${store}/client.ts`,
    search: 'if (fault === "client") attempts',
    replace: "attempts",
    check: test(`${client}/client.test.ts`),
    killedBy: "the time of an answer counts where DynamoDB has given it",
  },
  {
    guard: "dynamodb: a server that failed says nothing of a condition",
    file: `${client}/answer.ts`,
    search: "status >= 400 && status < 500",
    replace: "status >= 400",
    check: test(`${client}/client.test.ts`),
    killedBy: "a server that failed has decided nothing about a condition",
  },
  {
    guard: "dynamodb: a portal that says yes has written nothing",
    file: `${client}/answer.ts`,
    search: 'const isOurs = headers["x-amzn-requestid"] !== undefined || status >= 400;',
    replace: "const isOurs = true;",
    check: test(`${client}/client.test.ts`),
    killedBy: "a yes without the id of a request",
  },
  {
    guard: "dynamodb: an error is no success by its status",
    file: `${client}/answer.ts`,
    search: ' && !("__type" in output)',
    replace: "",
    check: test(`${client}/client.test.ts`),
    killedBy: "an error that is called a success",
  },
  {
    guard: "dynamodb: an attempt that was never sent hides no doubt of those before it",
    file: `${client}/retries.ts`,
    search: "throw doubt ?? last;",
    replace: "throw last;",
    check: test(`${client}/client.test.ts`),
    killedBy: "and says what leaves a doubt, whatever the last attempt was",
  },
  {
    guard: "dynamodb: nothing is sent when its time is over",
    file: `${client}/send-signed.ts`,
    search: "signal.throwIfAborted();",
    replace: "",
    check: test(`${client}/client.test.ts`),
    killedBy: "and sends nothing with credentials that come later",
  },
  {
    guard: "dynamodb: a provider that throws at once is asked again",
    file: `${client}/credentials.ts`,
    search: "begun.asked.then(end, end);",
    replace: "",
    check: test(`${client}/credentials.test.ts`),
    killedBy: "that throws before it has made a promise is asked again by the next request",
  },
  {
    guard: "dynamodb: the key of a day signs no other",
    file: `${client}/signature.ts`,
    search: "|| known.day !== day",
    replace: "",
    check: test(`${client}/signature.test.ts`),
    killedBy: "the key of a day is made anew for the next one",
  },
];
