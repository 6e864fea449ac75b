import { findReplayMarker } from "../detect.ts";
import { isNotNow, isSuccess, type Probe, readEffectName } from "../probe.ts";
import type { ProbeResponse } from "../probe-response.ts";
import { findHeader, type TestRequest } from "../test-request.ts";
import { about, type Expression, type Facts, makeEvaluate, readPlain } from "./expressions.ts";
import { changedHeaders, headerNames, joinValues, missingHeaders } from "./response-headers.ts";

/** The facts about an HTTP server. */
export interface HttpFacts extends Facts<TestRequest, ProbeResponse> {
  readonly probe: Probe;
}

const headerName = (name: Expression | undefined, { probe }: HttpFacts): string =>
  name === "{key}" ? probe.target.keyHeader.toLowerCase() : String(name);

/** The value of an expression. */
export const evaluate = makeEvaluate<HttpFacts>(() => ({
  status: about(({ status }) => status),
  success: about(isSuccess),
  "not-now": about(isNotNow),
  reused: about(({ isReused }) => isReused === true),
  taken: about(({ status }) => status >= 200 && status < 300),
  body: about(({ body }) => body.toString("latin1")),
  effect: about((response, _, { probe }) => readEffectName(probe.target, response)),
  header: about((response, [name], facts) => joinValues(response, headerName(name, facts))),
  "header-like": about(({ headers }, [name, value]) =>
    headers.some(
      ([one, other]) => new RegExp(String(name), "i").test(one) && new RegExp(String(value), "i").test(other),
    ),
  ),
  member: about(({ body }, path) => readPlain(parsed(body), path.map(String))),
  counted: (_, { probe }) => probe.target.effects !== undefined,
  memory: (_, { probe }) => probe.memory(),
  sent: ([name, header], facts) => findHeader(facts.requests.get(String(name))!, headerName(header, facts)) ?? "",
  named: ([group], { responses }) => headerNames(responses[0]!, String(group)).length,
  changed: ([group], { responses }) => changedHeaders(responses, String(group)).length,
  missing: ([group], { responses }) => missingHeaders(responses, String(group)).length,
  marked: (_, { responses }) => findReplayMarker(responses[0]!, responses[1]!) !== undefined,
}));

/** JSON as a value; `undefined` for other text. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
