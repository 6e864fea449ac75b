import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import type { Found } from "./server-traits.ts";
import { atPath } from "./json-path.ts";
import type { SendMode } from "./sending.ts";
import { headerOf, type TestRequest, withHeaders, withoutHeaders } from "./test-request.ts";
import { NotApplicable } from "./verdict.ts";
import type { Target } from "./verify-options.ts";
import type { Wire } from "./wire.ts";

/** Answers, and how many effects their requests had. */
export interface Tally {
  readonly answers: readonly Answer[];
  readonly effects: number;
}

/** What a case may do to the server. */
export interface Probe {
  readonly target: Target;
  readonly found: Found;
  /** A new operation, with a key of its own. */
  operation(): TestRequest;
  /** A text that was never a key before. */
  newKey(): string;
  /** A key as this server takes it: quoted, or as it is. */
  written(key: string): string;
  /** The request with these values of its key's header, as they stand: none, one, or more. */
  withKey(request: TestRequest, ...values: readonly string[]): TestRequest;
  /** The same request with another body that would succeed. @throws NotApplicable */
  withOtherBody(request: TestRequest): TestRequest;
  /** The same request as another principal sends it. @throws NotApplicable */
  asOther(request: TestRequest): TestRequest;
  /** The same request without credentials. @throws NotApplicable */
  asNobody(request: TestRequest): TestRequest;
  /** The text of a JSON body. @throws NotApplicable */
  json(request: TestRequest): string;
  /** One after the other, each over a connection of its own. @throws NoAnswer */
  send(...requests: readonly TestRequest[]): Promise<readonly Answer[]>;
  /** In another mode. @throws NoAnswer */
  sendAs(mode: SendMode, ...requests: readonly TestRequest[]): Promise<readonly Answer[]>;
  /** Again and again, until the answer is final: not "in progress", nor "later". @throws NoAnswer */
  settle(request: TestRequest): Promise<Answer>;
  /** How many effects there were meanwhile: counted, or guessed from the answers. @throws NotApplicable */
  tally(run: () => Promise<readonly Answer[]>): Promise<Tally>;
  /** As `tally`, where a guess is worth nothing, since answers get lost; waits for late effects. @throws NotApplicable */
  count(run: () => Promise<readonly Answer[]>): Promise<Tally>;
  pause(ms: number): Promise<void>;
}

/** How long to wait before asking again, milliseconds: doubled each time, up to the most. */
const askAgainMs = 20;
const askAgainMsMax = 500;

/** Time, besides that of an operation, for an effect whose caller is gone, milliseconds. */
const lateEffectMs = 50;

/** @param counter reads the number of effects; `undefined` where it can only be guessed. */
export function probeOf(target: Target, wire: Wire, found: Found, counter?: () => Promise<number>): Probe {
  const send = (...requests: readonly TestRequest[]): Promise<readonly Answer[]> => wire({ mode: "in-turn", requests });

  const counted = async (read: () => Promise<number>, run: () => Promise<readonly Answer[]>): Promise<Tally> => {
    const before = await read();
    const answers = await run();
    return { answers, effects: (await read()) - before };
  };

  /** So that what an abandoned request still does is seen, and not in the next case. */
  const untilDone = async (run: () => Promise<readonly Answer[]>): Promise<readonly Answer[]> => {
    const answers = await run();
    await sleep(lateEffectMs + found.operationMs);
    return answers;
  };

  const guessed = async (run: () => Promise<readonly Answer[]>): Promise<Tally> => {
    if (!found.answersTell) throw new NotApplicable("answers don't tell operations apart: count the effects instead");
    const answers = await run();
    return { answers, effects: new Set(answers.filter(succeeded).map((answer) => nameOf(target, answer))).size };
  };

  return {
    target,
    found,
    newKey: () => crypto.randomUUID(),
    written: (key) => written(key, found.keyFormat),
    operation: () => operation(target, written(crypto.randomUUID(), found.keyFormat)),
    withKey: (request, ...values) => withKey(target, request, values),
    withOtherBody: (request) => ({ ...request, body: otherBody(target) }),
    asOther: (request) => withHeaders(request, otherHeaders(target)),
    asNobody: (request) => ({ ...request, headers: withoutHeaders(request.headers, otherHeaders(target)) }),
    json: jsonOf,
    send,
    sendAs: (mode, ...requests) => wire({ mode, requests }),
    settle: (request) => settle(async () => (await send(request))[0]!, target.timeoutMs),
    tally: (run) => (counter ? counted(counter, run) : guessed(run)),
    count(run) {
      if (counter === undefined) throw new NotApplicable("needs a count of the effects");
      return counted(counter, () => untilDone(run));
    },
    pause: (ms) => sleep(ms, undefined, { signal: target.signal }),
  };
}

/** Whether the operation was carried out, as far as the answer says. */
export const succeeded = ({ status }: Answer): boolean => status < 400;

/** Answers that say no more than: not now. */
export const isLater = ({ status }: Answer): boolean => [409, 423, 425, 429, 503].includes(status);

/** What names the effect in an answer. */
export function nameOf({ effectId }: Target, { body }: Answer): string {
  if (effectId === undefined) return body.toString("latin1");
  const name = atPath(body.toString(), effectId);
  if (name === undefined) throw new NotApplicable(`an answer has nothing at ${effectId}`);
  return JSON.stringify(name);
}

function written(key: string, format: Found["keyFormat"]): string {
  return format === "quoted" ? `"${key}"` : key;
}

function withKey({ keyHeader }: Target, request: TestRequest, values: readonly string[]): TestRequest {
  const others = withoutHeaders(request.headers, [[keyHeader, ""]]);
  return { ...request, headers: [...others, ...values.map((value) => [keyHeader, value] as const)] };
}

function operation(target: Target, keyValue: string): TestRequest {
  const unique = crypto.randomUUID();
  const { pathname, search } = new URL(target.urlTemplate.replaceAll(uniqueMark, unique));
  const body = Buffer.from(target.body.replaceAll(uniqueMark, unique));
  const { method, headers } = target;
  return withKey(target, { method, target: pathname + search, headers, body, framing: "length" }, [keyValue]);
}

const uniqueMark = "{{unique}}";

function otherBody({ body, otherBody = body }: Target): Buffer {
  if (otherBody === body && !body.includes(uniqueMark)) {
    throw new NotApplicable("needs another body, or {{unique}} in the body");
  }
  return Buffer.from(otherBody.replaceAll(uniqueMark, crypto.randomUUID()));
}

function otherHeaders({ otherHeaders }: Target): NonNullable<Target["otherHeaders"]> {
  if (otherHeaders === undefined) throw new NotApplicable("needs a second principal's headers");
  return otherHeaders;
}

function jsonOf(request: TestRequest): string {
  const text = request.body.toString();
  const isJson = /[/+]json\b/i.test(headerOf(request, "content-type") ?? "");
  if (!isJson || !/^\s*\{/.test(text)) throw new NotApplicable("the body is no JSON object");
  return text;
}

async function settle(ask: () => Promise<Answer>, timeoutMs: number): Promise<Answer> {
  const endsAt = performance.now() + timeoutMs;
  for (let delayMs = askAgainMs; ; delayMs = Math.min(askAgainMsMax, delayMs * 2)) {
    const answer = await ask();
    if (!isLater(answer) || performance.now() + delayMs > endsAt) return answer;
    await sleep(delayMs);
  }
}
