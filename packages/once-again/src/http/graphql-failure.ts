import type { FailureOf } from "./http-options.ts";
import { headerValue, type HttpResponse } from "./response.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * `failureOf` for GraphQL over HTTP. An answer that has `errors` is `"failed"`, since fields of a mutation may have been
 * executed before, and beside, the one that failed. One without `data` is `"refused"`: it was never run (GraphQL
 * specification, section 7.1.2). Of a list of answers, the worst counts. Answers that are no JSON are judged by their status.
 *
 * @throws TypeError for answers that can't be read: compressed ones (put the compression in front of once-again), and
 *   those of several parts or events.
 */
export function graphqlFailure({ headers, body }: HttpResponse): ReturnType<FailureOf> {
  const contentType = headerValue(headers, "content-type")?.trim().toLowerCase() ?? "";
  if (/^(?:multipart\/mixed|text\/event-stream)\b/.test(contentType)) {
    throw new TypeError("A GraphQL answer in parts can't be judged. Answer keyed operations with one JSON document.");
  }
  if (!/^application\/(?:[\w.+-]*\+)?json\b/.test(contentType)) return undefined;
  const encoding = headerValue(headers, "content-encoding")?.trim().toLowerCase() ?? "";
  if (!["", "identity"].includes(encoding)) {
    throw new TypeError("A compressed GraphQL answer can't be judged. Put the compression in front of once-again.");
  }
  const answers = [JSON.parse(decoder.decode(body)) as unknown].flat();
  const failures = answers.map(failureOfOne);
  return failures.includes("failed") ? "failed" : failures.find((failure) => failure !== undefined);
}

function failureOfOne(answer: unknown): ReturnType<FailureOf> {
  if (typeof answer !== "object" || answer === null || !("errors" in answer)) return undefined;
  return "data" in answer ? "failed" : "refused";
}
