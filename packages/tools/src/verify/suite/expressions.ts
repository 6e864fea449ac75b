/** A condition or a value, in prefix notation: `["=", ["status", 0], 201]`. `conformance/README.md` lists the operators. */
export type Expression = string | number | boolean | readonly [operator: string, ...Expression[]];

/** The facts about which a judgement decides. */
export interface Facts<Request, Response> {
  readonly keys: ReadonlyMap<string, string>;
  readonly requests: ReadonlyMap<string, Request>;
  /** Of the last step that sent something. */
  readonly responses: readonly Response[];
  /** `undefined` when they were not counted. */
  readonly effects: number | undefined;
  /** The place of the response that `every`, `some`, `number` and `distinct` look at. */
  readonly at?: number;
}

export type Value = string | number | boolean | undefined;
export type Operator<F> = (args: readonly Expression[], facts: F) => Value;
export type Evaluate<F> = (expression: Expression, facts: F) => Value;

type Seen = Facts<unknown, unknown>;

/** Evaluates expressions by the operators that every suite has, and by these. */
export function makeEvaluate<F extends Seen>(
  own: (evaluate: Evaluate<F>) => Readonly<Record<string, Operator<F>>>,
): Evaluate<F> {
  const evaluate: Evaluate<F> = (expression, facts) => {
    if (!Array.isArray(expression)) return expression as Value;
    const [name, ...args] = expression as readonly [string, ...Expression[]];
    const operator = operators[name];
    if (operator === undefined) throw new Error(`The suite has an operator ${name}, which this program does not know.`);
    return operator(args, facts);
  };
  const operators: Readonly<Record<string, Operator<F>>> = { ...commonOperators(evaluate), ...own(evaluate) };
  return evaluate;
}

function commonOperators<F extends Seen>(evaluate: Evaluate<F>): Readonly<Record<string, Operator<F>>> {
  const isMet = (expression: Expression, facts: F): boolean => evaluate(expression, facts) === true;
  /** Compares two numbers; with anything else there is no order. */
  const compare =
    (holds: (one: number, other: number) => boolean): Operator<F> =>
    ([left, right], facts) => {
      const [one, other] = [evaluate(left!, facts), evaluate(right!, facts)];
      return typeof one === "number" && typeof other === "number" && holds(one, other);
    };
  /** Facts about each response in turn. */
  const each = (facts: F): F[] => facts.responses.map((_, at) => ({ ...facts, at }));
  const textOf = (expression: Expression, facts: F): string => String(evaluate(expression, facts) ?? "");

  return {
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
    matches: ([text, pattern], facts) => new RegExp(String(pattern), "i").test(textOf(text!, facts)),
    "number-in": ([text, pattern], facts) => Number(new RegExp(String(pattern), "i").exec(textOf(text!, facts))?.[1]),
    sum: (args, facts) => args.reduce<number>((sum, one) => sum + Number(evaluate(one, facts)), 0),
    text: ([one], facts) => typeof evaluate(one!, facts) === "string",

    effects: ([unknown], { effects }) => effects ?? (unknown as number),
    index: ([modulus], { at = 0 }) => at % (modulus as number),
    every: ([one], facts) => each(facts).every((response) => isMet(one!, response)),
    some: ([one], facts) => each(facts).some((response) => isMet(one!, response)),
    number: ([one], facts) => each(facts).filter((response) => isMet(one!, response)).length,
    distinct: ([value, one], facts) =>
      new Set(
        each(facts)
          .filter((response) => isMet(one!, response))
          .map((response) => evaluate(value!, response)),
      ).size,
  };
}

/** An operator about one response: by its index as the first argument, from the end if negative, or the one looked at. */
export const about =
  <F extends Seen>(
    read: (response: F["responses"][number], args: readonly Expression[], facts: F) => Value,
  ): Operator<F> =>
  (args, facts) => {
    const isIndexed = typeof args[0] === "number";
    const response = facts.responses.at(isIndexed ? (args[0] as number) : facts.at!);
    if (response === undefined)
      throw new Error(`The suite asks for response ${args[0]?.toString()}, which is missing.`);
    return read(response, isIndexed ? args.slice(1) : args, facts);
  };

/** A text, a number or a boolean at a path; `undefined` for anything else. */
export function readPlain(value: unknown, path: readonly string[]): Value {
  const found = memberAt(value, path);
  return ["string", "number", "boolean"].includes(typeof found) ? (found as Value) : undefined;
}

/** A member of an object, or of an object in it. */
export function memberAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((outer, name) => (outer as Record<string, unknown> | null | undefined)?.[name], value);
}

/** Writes one part of a report from the facts and its arguments. */
export type SayField<F> = (facts: F, ...args: string[]) => string;

/** The text of a rule, with the parts in braces filled in: `{response 0}`. */
export const fillSay = <F>(text: string, fields: Readonly<Record<string, SayField<F>>>, facts: F): string =>
  text.replaceAll(/\{([a-z]+)((?: [^{} ]+)*)\}/g, (_, name: string, args: string) =>
    fields[name]!(facts, ...args.trim().split(" ")),
  );
