import { findReplayMarker } from "../detect.ts";
import { formatCount, formatResponse, formatStatuses } from "../response-text.ts";
import type { ProbeResponse } from "../probe-response.ts";
import type { TestRequest } from "../test-request.ts";
import type { Target } from "../verify-options.ts";
import { type Facts, fillSay, type SayField } from "./expressions.ts";
import { changedHeaders, joinValues, missingHeaders } from "./response-headers.ts";

interface Observed extends Facts<TestRequest, ProbeResponse> {
  readonly target: Target;
}

/** The text of a rule, with what was seen filled in. */
export const formatObserved = (text: string, facts: Observed): string =>
  fillSay(text.replaceAll("{key}", facts.target.keyHeader.toLowerCase()), fields, facts);

const describeChange = (name: string, before: string, after: string): string =>
  `${name} was ${before || "missing"}, is ${after || "missing"}`;

const fields: Readonly<Record<string, SayField<Observed>>> = {
  effects: ({ effects }) => (effects === undefined ? "effects not counted" : formatCount(effects, "effect")),
  statuses: ({ responses }) => formatStatuses(responses),
  responses: ({ responses }) => responses.map(formatResponse).join(", then "),
  response: ({ responses }, at) => formatResponse(responses.at(Number(at))!),
  status: ({ responses }, at) => String(responses.at(Number(at))!.status),
  header: ({ responses }, at, name) => joinValues(responses.at(Number(at))!, name) || "missing",
  changed: ({ responses }, group) =>
    changedHeaders(responses, group)
      .map((name) => describeChange(name, joinValues(responses[0]!, name), joinValues(responses[1]!, name)))
      .join("; "),
  missing: ({ responses }, group) =>
    missingHeaders(responses, group)
      .map((name) => `${name} is missing`)
      .join("; "),
  marker: ({ responses }) => findReplayMarker(responses[0]!, responses[1]!) ?? "nothing",
};
