import { findReplayMarker } from "../detect.ts";
import { isNotNow, isSuccess, readEffectName } from "../probe.ts";
import type { ProbeResponse } from "../probe-response.ts";
import { findHeader, type TestRequest } from "../test-request.ts";
import type { Target } from "../verify-options.ts";
import { changedHeaders, headerNames, joinValues, missingHeaders } from "./response-headers.ts";
import type { Expression } from "./cases-json.ts";

/** The facts about which a judgement decides. */
export interface Facts {
  readonly target: Target;
  readonly requests: ReadonlyMap<string, TestRequest>;
  readonly responses: readonly ProbeResponse[];
  /** `undefined` when they were not counted. */
  readonly effects: number | undefined;
  /** The place of the response that `every`, `some`, `number` and `distinct` look at. */
  readonly at?: number;
}

type Value = string | number | boolean | undefined;
type Operator = (args: readonly Expression[], facts: Facts) => Value;

/** The value of an expression. */
export function evaluate(expression: Expression, facts: Facts): Value {
  if (!Array.isArray(expression)) return expression as Value;
  const [name, ...args] = expression as readonly [string, ...Expression[]];
  const operator = operators[name];
  if (operator === undefined) throw new Error(`The suite has an operator ${name}, which this program does not know.`);
  return operator(args, facts);
}

const isMet = (expression: Expression, facts: Facts): boolean => evaluate(expression, facts) === true;
const number = (expression: Expression, facts: Facts): number => Number(evaluate(expression, facts));

/** Compares two numbers. */
const compare =
  (holds: (one: number, other: number) => boolean): Operator =>
  ([one, other], facts) =>
    holds(number(one!, facts), number(other!, facts));

/** Facts about each response in turn. */
const eachResponse = (facts: Facts): Facts[] => facts.responses.map((_, at) => ({ ...facts, at }));

/** An operator about one response: by its index as the first argument, from the end if negative, or the one looked at. */
const about =
  (read: (response: ProbeResponse, args: readonly Expression[], facts: Facts) => Value): Operator =>
  (args, facts) => {
    const isIndexed = typeof args[0] === "number";
    const response = facts.responses.at(isIndexed ? (args[0] as number) : facts.at!);
    if (response === undefined)
      throw new Error(`The suite asks for response ${args[0]?.toString()}, which is missing.`);
    return read(response, isIndexed ? args.slice(1) : args, facts);
  };

const headerName = (name: Expression | undefined, { target }: Facts): string =>
  name === "{key}" ? target.keyHeader.toLowerCase() : String(name);

const operators: Readonly<Record<string, Operator>> = {
  and: (args, facts) => args.every((one) => isMet(one, facts)),
  or: (args, facts) => args.some((one) => isMet(one, facts)),
  not: ([one], facts) => !isMet(one!, facts),
  "=": ([one, other], facts) => evaluate(one!, facts) === evaluate(other!, facts),
  "!=": ([one, other], facts) => evaluate(one!, facts) !== evaluate(other!, facts),
  "<": compare((one, other) => one < other),
  "<=": compare((one, other) => one <= other),
  ">": compare((one, other) => one > other),
  ">=": compare((one, other) => one >= other),
  in: ([one, ...others], facts) => others.includes(evaluate(one!, facts)!),
  matches: ([text, pattern], facts) => new RegExp(String(pattern), "i").test(String(evaluate(text!, facts))),
  "number-in": ([text, pattern], facts) =>
    Number(new RegExp(String(pattern), "i").exec(String(evaluate(text!, facts)))?.[1]),
  text: ([one], facts) => typeof evaluate(one!, facts) === "string",

  effects: ([unknown], { effects }) => effects ?? (unknown as number),
  status: about(({ status }) => status),
  success: about(isSuccess),
  "not-now": about(isNotNow),
  taken: about(({ status }) => status >= 200 && status < 300),
  body: about(({ body }) => body.toString("latin1")),
  effect: about((response, _, { target }) => readEffectName(target, response)),
  header: about((response, [name], facts) => joinValues(response, headerName(name, facts))),
  "header-like": about(({ headers }, [name, value]) =>
    headers.some(
      ([one, other]) => new RegExp(String(name), "i").test(one) && new RegExp(String(value), "i").test(other),
    ),
  ),
  member: about((response, path) => readMember(response, path.map(String))),
  index: ([modulus], { at = 0 }) => at % (modulus as number),
  sent: ([name, header], facts) => findHeader(facts.requests.get(String(name))!, headerName(header, facts)) ?? "",

  every: ([one], facts) => eachResponse(facts).every((each) => isMet(one!, each)),
  some: ([one], facts) => eachResponse(facts).some((each) => isMet(one!, each)),
  number: ([one], facts) => eachResponse(facts).filter((each) => isMet(one!, each)).length,
  distinct: ([value, one], facts) =>
    new Set(
      eachResponse(facts)
        .filter((each) => isMet(one!, each))
        .map((each) => evaluate(value!, each)),
    ).size,

  named: ([group], { responses }) => headerNames(responses[0]!, String(group)).length,
  changed: ([group], { responses }) => changedHeaders(responses, String(group)).length,
  missing: ([group], { responses }) => missingHeaders(responses, String(group)).length,
  marked: (_, { responses }) => findReplayMarker(responses[0]!, responses[1]!) !== undefined,
};

/** A member of a response's JSON, or of an object in it, when it is a text, a number or a boolean. */
function readMember({ body }: ProbeResponse, path: readonly string[]): Value {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  for (const name of path) value = (value as Record<string, unknown> | null | undefined)?.[name];
  return ["string", "number", "boolean"].includes(typeof value) ? (value as Value) : undefined;
}
