import { OnceAgainError } from "once-again";
import type { ProbeResponse } from "./probe-response.ts";
import type { Finding, ServerTraits } from "./server-traits.ts";
import { isNotNow, readEffectName, type Probe, makeProbe, isSuccess } from "./probe.ts";
import { formatResponse } from "./response-text.ts";
import { findHeader, type TestRequest } from "./test-request.ts";
import { NoResponse, NotApplicable } from "./verdict.ts";
import type { Target } from "./verify-options.ts";
import type { Sender } from "./send-modes.ts";

/**
 * Sends two plain operations, to learn how this server takes keys and whether its responses differ.
 *
 * @throws OnceAgainError `ONCE_TARGET_UNFIT` when the server can't be reached, or a plain operation does not succeed.
 */
export async function detectTraits(
  target: Target,
  sender: Sender,
  counter?: () => Promise<number>,
): Promise<ServerTraits> {
  let refusal: ProbeResponse | undefined;
  try {
    for (const keyFormat of keyFormatsOf(target)) {
      const traits = { keyFormat, hasDistinctResponses: true, operationMs: 0, quickestMs: 0 };
      const probe = makeProbe(target, sender, traits);
      const before = await counter?.();
      const sentAt = performance.now();
      const one = probe.newOperation();
      const [first] = await probe.send(one);
      const operationMs = performance.now() - sentAt;
      if (!isSuccess(first!)) {
        refusal ??= first!;
        continue;
      }
      await checkCounter(before, counter);
      const other = probe.newOperation();
      const secondAt = performance.now();
      const [second] = await probe.send(other);
      const quickestMs = Math.min(operationMs, performance.now() - secondAt);
      const hasDistinctResponses =
        isSuccess(second!) && findEffectText(target, one, first!) !== findEffectText(target, other, second!);
      return { keyFormat, hasDistinctResponses, operationMs, quickestMs };
    }
  } catch (error) {
    if (error instanceof NoResponse) throw unfitError(`No answer from ${target.urlTemplate}: ${error.message}.`);
    if (error instanceof NotApplicable) throw unfitError(`${error.message}: ${target.effectId} names no effect.`);
    throw error;
  }
  throw unfitError(
    `A plain operation must succeed, but it is answered with ${formatResponse(refusal!)}. Check body and headers.`,
  );
}

/** How keys are written, the likelier way first. The id of a webhook is written as it is. */
export function keyFormatsOf({
  profile,
  strictness,
}: Target): readonly [ServerTraits["keyFormat"], ...ServerTraits["keyFormat"][]] {
  if (profile === "webhooks") return ["bare"];
  return strictness === "draft" ? ["quoted", "bare"] : ["bare", "quoted"];
}

/**
 * The name of the effect in an answer, without the key and the unique text of its request: an answer that repeats its
 * request is the same for two effects of the same request.
 */
function findEffectText(target: Target, { target: path, headers, body }: TestRequest, response: ProbeResponse): string {
  const said = [path, body.toString(), ...headers.map(([, value]) => value)].join("\n");
  const uniqueTexts = said.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
  return uniqueTexts.reduce((words, text) => words.replaceAll(text, ""), readEffectName(target, response));
}

async function checkCounter(before: number | undefined, counter?: () => Promise<number>): Promise<void> {
  if (counter === undefined || before === undefined) return;
  const rise = (await counter()) - before;
  if (rise === 1) return;
  throw unfitError(
    `One operation must raise the count of effects by 1, but it rose by ${rise}. Does another client use it?`,
  );
}

function unfitError(message: string): OnceAgainError {
  return new OnceAgainError("ONCE_TARGET_UNFIT", message);
}

/** Asks what the server does where servers differ. */
export async function detectFindings(probe: Probe): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [question, ask] of questions) findings.push({ question, answer: await ask(probe).catch(formatUnknown) });
  return findings;
}

function formatUnknown(error: unknown): string {
  if (error instanceof NotApplicable || error instanceof NoResponse) return `unknown: ${error.message}`;
  throw error;
}

const questions: readonly (readonly [question: string, ask: (probe: Probe) => Promise<string>])[] = [
  ["Keys are written", askKeyForms],
  ["Without a key", askWithoutKey],
  ["A repeat", askRepeat],
  ["The key of another request", askKeyReuse],
  ["Duplicates at once", askDuplicatesAtOnce],
  ["After a refused request", askAfterRefusal],
];

async function askKeyForms(probe: Probe): Promise<string> {
  const key = probe.newKey();
  const [quoted, bare] = await probe.send(
    ...[`"${key}"`, probe.newKey()].map((value) => probe.withKey(probe.newOperation(), value)),
  );
  if (!isSuccess(quoted!)) return "as they are only";
  return isSuccess(bare!) ? "quoted, or as they are" : "quoted only";
}

async function askWithoutKey(probe: Probe): Promise<string> {
  const [response] = await probe.send(probe.withKey(probe.newOperation()));
  return isSuccess(response!) ? "it is executed" : `it is refused with ${response!.status}`;
}

async function askRepeat(probe: Probe): Promise<string> {
  const request = probe.newOperation();
  const { responses, effects } = await probe.tally(() => probe.send(request, request));
  const [first, second] = responses;
  if (effects > 1) return "runs again";
  if (!isSuccess(second!)) return `is refused with ${second!.status}`;
  const marker = findReplayMarker(first!, second!);
  return `gets the first answer, ${marker === undefined ? "not marked as a replay" : `marked by ${marker}`}`;
}

async function askKeyReuse(probe: Probe): Promise<string> {
  const request = probe.newOperation();
  const { responses, effects } = await probe.tally(() => probe.send(request, probe.withOtherBody(request)));
  if (!isSuccess(responses[1]!)) return `is refused with ${responses[1]!.status}`;
  return effects > 1 ? "runs" : "gets the first answer";
}

async function askDuplicatesAtOnce(probe: Probe): Promise<string> {
  const request = probe.newOperation();
  const responses = await probe.sendAs("together", request, request, request, request);
  const statuses = new Set(responses.filter(isNotNow).map(({ status }) => status));
  return statuses.size === 0 ? "all get a result" : `one runs, others get ${[...statuses].join(" or ")}`;
}

async function askAfterRefusal(probe: Probe): Promise<string> {
  const request = probe.newOperation();
  const refused = { ...request, body: Buffer.from(probe.target.refusedBody) };
  const [refusal, corrected] = await probe.send(refused, request);
  if (isSuccess(refusal!)) return "unknown: the body that should be refused is not";
  if (isSuccess(corrected!)) return `(${refusal!.status}) the key is free again`;
  return `(${refusal!.status}) the key is used up: another request gets ${corrected!.status}`;
}

/** The header that marks a replay, if there is one. */
export function findReplayMarker(first: ProbeResponse, second: ProbeResponse): string | undefined {
  return second.headers
    .map(([name]) => name)
    .find(
      (name) => /replay|idempoten|duplicate|cache/i.test(name) && findHeader(first, name) !== findHeader(second, name),
    );
}
