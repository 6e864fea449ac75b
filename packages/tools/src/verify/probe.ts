import { setTimeout as sleep } from "node:timers/promises";
import type { ProbeResponse } from "./probe-response.ts";
import type { ServerTraits } from "./server-traits.ts";
import { readPath } from "./json-path.ts";
import { Patience } from "./patience.ts";
import { findHeader, type TestRequest, withHeaders, withoutHeaders } from "./test-request.ts";
import { NotApplicable } from "./verdict.ts";
import type { Target } from "./verify-options.ts";
import type { Sender, SendMode } from "./send-modes.ts";

/** Answers, and how many effects their requests had. */
export interface Tally {
  readonly responses: readonly ProbeResponse[];
  readonly effects: number;
}

/** The actions of a case on the server. */
export interface Probe {
  readonly target: Target;
  readonly traits: ServerTraits;
  /** A new operation, with a new key. */
  newOperation(): TestRequest;
  /** A text that was never a key before. */
  newKey(): string;
  /** A key as this server takes it: quoted, or as it is. */
  formatKey(key: string): string;
  /** The request with these values of its key's header, as they stand: none, one, or more. */
  withKey(request: TestRequest, ...values: readonly string[]): TestRequest;
  /** The same request with another body that would succeed. @throws NotApplicable */
  withOtherBody(request: TestRequest): TestRequest;
  /** The same request as another principal sends it. @throws NotApplicable */
  asOther(request: TestRequest): TestRequest;
  /** The same request at the other URL. @throws NotApplicable */
  atOtherUrl(request: TestRequest): TestRequest;
  /** The same request without credentials. @throws NotApplicable */
  withoutCredentials(request: TestRequest): TestRequest;
  /** The text of a JSON body. @throws NotApplicable */
  readJson(request: TestRequest): string;
  /** One after the other, each over a separate connection. @throws NoResponse */
  send(...requests: readonly TestRequest[]): Promise<readonly ProbeResponse[]>;
  /** In another mode. @throws NoResponse */
  sendAs(mode: SendMode, ...requests: readonly TestRequest[]): Promise<readonly ProbeResponse[]>;
  /**
   * Again and again, until the answer is final: not "in progress", nor "later". Once one has not become final in `timeoutMs`, others are
   * not waited for that long. @throws NoResponse
   */
  settle(request: TestRequest): Promise<ProbeResponse>;
  /** How many effects there were meanwhile: counted, or guessed from the answers. @throws NotApplicable */
  tally(run: () => Promise<readonly ProbeResponse[]>): Promise<Tally>;
  /** As `tally`, where a guess is worth nothing, since answers get lost; waits for late effects. @throws NotApplicable */
  count(run: () => Promise<readonly ProbeResponse[]>): Promise<Tally>;
  /** How many other operations must not make the server forget a key. @throws NotApplicable */
  memory(): number;
  pause(ms: number): Promise<void>;
  /** Has the server killed and started again. @throws NotApplicable NoResponse when it does not come back. */
  restart(): Promise<void>;
}

/** How long to wait before asking again, milliseconds: doubled each time, up to the most. */
const askAgainMs = 20;
const askAgainMsMax = 500;

/** Time, besides that of an operation, for an effect after its caller has gone, milliseconds. */
const lateEffectMs = 50;

/** @param counter reads the number of effects; `undefined` where it can only be guessed. */
export function makeProbe(
  target: Target,
  sender: Sender,
  traits: ServerTraits,
  counter?: () => Promise<number>,
): Probe {
  const patience = new Patience(target.timeoutMs, traits.operationMs);
  const send = (...requests: readonly TestRequest[]): Promise<readonly ProbeResponse[]> =>
    sender({ mode: "in-turn", requests });

  const countEffects = async (
    read: () => Promise<number>,
    run: () => Promise<readonly ProbeResponse[]>,
  ): Promise<Tally> => {
    const before = await read();
    const responses = await run();
    return { responses, effects: (await read()) - before };
  };

  /** So that what an abandoned request still does is seen, and not in the next case. */
  const runUntilDone = async (run: () => Promise<readonly ProbeResponse[]>): Promise<readonly ProbeResponse[]> => {
    const responses = await run();
    await sleep(lateEffectMs + traits.operationMs);
    return responses;
  };

  const guessEffects = async (run: () => Promise<readonly ProbeResponse[]>): Promise<Tally> => {
    if (!traits.hasDistinctResponses)
      throw new NotApplicable("answers don't tell operations apart: count the effects instead");
    const responses = await run();
    return {
      responses,
      effects: new Set(responses.filter(isSuccess).map((response) => readEffectName(target, response))).size,
    };
  };

  return {
    target,
    traits,
    newKey: () => crypto.randomUUID(),
    formatKey: (key) => formatKey(key, traits.keyFormat),
    newOperation: () => newOperation(target, formatKey(crypto.randomUUID(), traits.keyFormat)),
    withKey: (request, ...values) => withKey(target, request, values),
    withOtherBody: (request) => ({ ...request, body: makeOtherBody(target) }),
    asOther: (request) => withHeaders(request, requireOtherHeaders(target)),
    atOtherUrl: (request) => ({ ...request, target: requireOtherTarget(target) }),
    withoutCredentials: (request) => ({
      ...request,
      headers: withoutHeaders(request.headers, requireOtherHeaders(target)),
    }),
    readJson,
    send,
    sendAs: (mode, ...requests) => sender({ mode, requests }),
    async settle(request) {
      const response = await settle(async () => (await send(request))[0]!, patience.ms);
      if (isNotNow(response)) patience.lose();
      return response;
    },
    tally: (run) => (counter ? countEffects(counter, run) : guessEffects(run)),
    count(run) {
      if (counter === undefined) throw new NotApplicable("needs a count of the effects");
      return countEffects(counter, () => runUntilDone(run));
    },
    memory: () => target.memory ?? usualMemory(traits),
    pause: (ms) => sleep(ms, undefined, { signal: target.signal }),
    async restart() {
      if (target.restart === undefined)
        throw new NotApplicable("needs a command that kills the server and starts it again");
      await target.restart();
    },
  };
}

/** How many operations come between a key and its repeat, where they are cheap: up to so many milliseconds each. */
const memoryUsual = 200;
const cheapMsMax = 20;

function usualMemory({ quickestMs }: ServerTraits): number {
  if (quickestMs <= cheapMsMax) return memoryUsual;
  throw new NotApplicable(`an operation takes ${Math.round(quickestMs)} ms: say how many by --memory`);
}

/** Whether the operation was executed, as far as the answer says. */
export const isSuccess = ({ status }: ProbeResponse): boolean => status < 400;

/** Answers that say no more than: not now. */
export const isNotNow = ({ status }: ProbeResponse): boolean => [409, 423, 425, 429, 503].includes(status);

/** The name of the effect in an answer. */
export function readEffectName({ effectId }: Target, { body }: ProbeResponse): string {
  if (effectId === undefined) return body.toString("latin1");
  const name = readPath(body.toString(), effectId);
  if (name === undefined) throw new NotApplicable(`an answer has nothing at ${effectId}`);
  return JSON.stringify(name);
}

function formatKey(key: string, format: ServerTraits["keyFormat"]): string {
  return format === "quoted" ? `"${key}"` : key;
}

function withKey({ keyHeader }: Target, request: TestRequest, values: readonly string[]): TestRequest {
  const others = withoutHeaders(request.headers, [[keyHeader, ""]]);
  return { ...request, headers: [...others, ...values.map((value) => [keyHeader, value] as const)] };
}

function newOperation(target: Target, keyValue: string): TestRequest {
  const unique = crypto.randomUUID();
  const { pathname, search } = new URL(target.urlTemplate.replaceAll(uniqueMark, unique));
  const body = Buffer.from(target.body.replaceAll(uniqueMark, unique));
  const { method, headers } = target;
  return withKey(target, { method, target: pathname + search, headers, body, framing: "length" }, [keyValue]);
}

const uniqueMark = "{{unique}}";

function makeOtherBody({ body, otherBody = body }: Target): Buffer {
  if (otherBody === body && !body.includes(uniqueMark)) {
    throw new NotApplicable("needs another body, or {{unique}} in the body");
  }
  return Buffer.from(otherBody.replaceAll(uniqueMark, crypto.randomUUID()));
}

function requireOtherHeaders({ otherHeaders }: Target): NonNullable<Target["otherHeaders"]> {
  if (otherHeaders === undefined) throw new NotApplicable("needs a second principal's headers");
  return otherHeaders;
}

function requireOtherTarget({ otherUrl }: Target): string {
  if (otherUrl === undefined) throw new NotApplicable("needs another operation's URL");
  const { pathname, search } = new URL(otherUrl.replaceAll(uniqueMark, crypto.randomUUID()));
  return pathname + search;
}

function readJson(request: TestRequest): string {
  const text = request.body.toString();
  const isJson = /[/+]json\b/i.test(findHeader(request, "content-type") ?? "");
  if (!isJson || !/^\s*\{/.test(text)) throw new NotApplicable("the body is no JSON object");
  return text;
}

async function settle(ask: () => Promise<ProbeResponse>, timeoutMs: number): Promise<ProbeResponse> {
  const endsAt = performance.now() + timeoutMs;
  for (let delayMs = askAgainMs; ; delayMs = Math.min(askAgainMsMax, delayMs * 2)) {
    const response = await ask();
    if (!isNotNow(response) || performance.now() + delayMs > endsAt) return response;
    await sleep(delayMs);
  }
}
