import { OnceAgainError } from "once-again";
import type { Answer } from "./answer.ts";
import type { Finding, Found } from "./server-traits.ts";
import { isLater, nameOf, type Probe, probeOf, succeeded } from "./probe.ts";
import { shown } from "./format.ts";
import { headerOf, type TestRequest } from "./test-request.ts";
import { NoAnswer, NotApplicable } from "./verdict.ts";
import type { Target } from "./verify-options.ts";
import type { Wire } from "./wire.ts";

/**
 * Sends two plain operations, to learn how this server takes keys and what its answers tell.
 *
 * @throws OnceAgainError `ONCE_TARGET_UNFIT` when the server can't be reached, or a plain operation does not succeed.
 */
export async function explore(target: Target, wire: Wire, counter?: () => Promise<number>): Promise<Found> {
  const formats = ["bare", "quoted"] as const;
  let refusal: Answer | undefined;
  try {
    for (const keyFormat of target.strictness === "draft" ? formats.toReversed() : formats) {
      const probe = probeOf(target, wire, { keyFormat, answersTell: true, operationMs: 0 });
      const before = await counter?.();
      const sentAt = performance.now();
      const one = probe.operation();
      const [first] = await probe.send(one);
      const operationMs = performance.now() - sentAt;
      if (!succeeded(first!)) {
        refusal ??= first!;
        continue;
      }
      await checkCounter(before, counter);
      const other = probe.operation();
      const [second] = await probe.send(other);
      const answersTell = succeeded(second!) && ownWords(target, one, first!) !== ownWords(target, other, second!);
      return { keyFormat, answersTell, operationMs };
    }
  } catch (error) {
    if (error instanceof NoAnswer) throw unfit(`No answer from ${target.urlTemplate}: ${error.message}.`);
    if (error instanceof NotApplicable) throw unfit(`${error.message}: ${target.effectId} names no effect.`);
    throw error;
  }
  throw unfit(`A plain operation must succeed, but it is answered with ${shown(refusal!)}. Check body and headers.`);
}

/**
 * What names the effect in an answer, without the key and the unique text of its request: an answer that repeats its
 * request is the same for two effects of the same request.
 */
function ownWords(target: Target, { target: path, headers, body }: TestRequest, answer: Answer): string {
  const said = [path, body.toString(), ...headers.map(([, value]) => value)].join("\n");
  const uniqueTexts = said.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
  return uniqueTexts.reduce((words, text) => words.replaceAll(text, ""), nameOf(target, answer));
}

async function checkCounter(before: number | undefined, counter?: () => Promise<number>): Promise<void> {
  if (counter === undefined || before === undefined) return;
  const rise = (await counter()) - before;
  if (rise === 1) return;
  throw unfit(`One operation must raise the count of effects by 1, but it rose by ${rise}. Is somebody else at it?`);
}

function unfit(message: string): OnceAgainError {
  return new OnceAgainError("ONCE_TARGET_UNFIT", message);
}

/** Finds out what a server does where servers differ. */
export async function findings(probe: Probe): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [question, ask] of questions) found.push({ question, answer: await ask(probe).catch(unanswered) });
  return found;
}

function unanswered(error: unknown): string {
  if (error instanceof NotApplicable || error instanceof NoAnswer) return `unknown: ${error.message}`;
  throw error;
}

const questions: readonly (readonly [question: string, ask: (probe: Probe) => Promise<string>])[] = [
  ["Keys are written", keyForms],
  ["Without a key", withoutKey],
  ["A repeat", repeated],
  ["The key of another request", reused],
  ["Duplicates at once", atOnce],
  ["After a refused request", afterRefusal],
];

async function keyForms(probe: Probe): Promise<string> {
  const key = probe.newKey();
  const [quoted, bare] = await probe.send(
    ...[`"${key}"`, probe.newKey()].map((value) => probe.withKey(probe.operation(), value)),
  );
  if (!succeeded(quoted!)) return "as they are only";
  return succeeded(bare!) ? "quoted, or as they are" : "quoted only";
}

async function withoutKey(probe: Probe): Promise<string> {
  const [answer] = await probe.send(probe.withKey(probe.operation()));
  return succeeded(answer!) ? "it is carried out" : `it is refused with ${answer!.status}`;
}

async function repeated(probe: Probe): Promise<string> {
  const request = probe.operation();
  const { answers, effects } = await probe.tally(() => probe.send(request, request));
  const [first, second] = answers;
  if (effects > 1) return "runs again";
  if (!succeeded(second!)) return `is refused with ${second!.status}`;
  const marker = markerOf(first!, second!);
  return `gets the first answer, ${marker === undefined ? "not marked as a replay" : `marked by ${marker}`}`;
}

async function reused(probe: Probe): Promise<string> {
  const request = probe.operation();
  const { answers, effects } = await probe.tally(() => probe.send(request, probe.withOtherBody(request)));
  if (!succeeded(answers[1]!)) return `is refused with ${answers[1]!.status}`;
  return effects > 1 ? "runs" : "gets the first answer";
}

async function atOnce(probe: Probe): Promise<string> {
  const request = probe.operation();
  const answers = await probe.sendAs("together", request, request, request, request);
  const statuses = new Set(answers.filter(isLater).map(({ status }) => status));
  return statuses.size === 0 ? "all get a result" : `one runs, others are told ${[...statuses].join(" or ")}`;
}

async function afterRefusal(probe: Probe): Promise<string> {
  const request = probe.operation();
  const refused = { ...request, body: Buffer.from(probe.target.refusedBody) };
  const [refusal, corrected] = await probe.send(refused, request);
  if (succeeded(refusal!)) return "unknown: the body that should be refused is not";
  if (succeeded(corrected!)) return `(${refusal!.status}) the key is free again`;
  return `(${refusal!.status}) the key is used up: another request gets ${corrected!.status}`;
}

/** The header that tells a replay from a first answer, if there is one. */
export function markerOf(first: Answer, second: Answer): string | undefined {
  return second.headers
    .map(([name]) => name)
    .find((name) => /replay|idempoten|duplicate|cache/i.test(name) && headerOf(first, name) !== headerOf(second, name));
}
