import { invalidOptionError } from "once-again/internal";

/** One line of a history: a call begins or ends, or an effect is in the ledger. */
export interface HistoryEvent {
  /** `info`: its caller does not know what became of the call. */
  readonly type: "invoke" | "ok" | "fail" | "info" | "effect";
  /** The key of the operation, with its scope. */
  readonly key: string;
  /** A hash of the request: two requests with the same one are the same. */
  readonly request: string | undefined;
  /** A hash of the response. */
  readonly response: string | undefined;
  /** The effects that a response names; none: it says that there is no effect. `undefined`: it says nothing of them. */
  readonly effects: readonly string[] | undefined;
  /** Of an effect: its id, and which effect of its operation it is. */
  readonly effect: string | undefined;
  readonly name: string;
  /** Of an effect: the sequence to which it belongs, and its place in it. */
  readonly group: string | undefined;
  readonly position: number | undefined;
}

const types = ["invoke", "ok", "fail", "info", "effect"] as const;

/**
 * Reads one line of a history.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` with the line's number and what is wrong with it.
 */
export function readEvent(text: string, number: number): HistoryEvent {
  const wrong = (expected: string): Error => invalidOptionError(`line ${number}`, expected, text.slice(0, 200));
  const parsed = parse(text);
  if (parsed === undefined) throw wrong("one JSON object");
  const type = types.find((one) => one === parsed["type"]);
  if (type === undefined) throw wrong(`an object with a "type" of ${types.join(", ")}`);
  const textOf = (name: string): string | undefined => {
    const value = parsed[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    if (typeof value === "number") return String(value);
    throw wrong(`an object in which "${name}" is a text or a number`);
  };
  const [key, effect, position] = [textOf("key"), textOf("effect"), textOf("position")];
  if (key === undefined) throw wrong('an object with a "key"');
  if (type === "effect" && effect === undefined) throw wrong('an effect with its id as "effect"');
  if (position !== undefined && !Number.isFinite(Number(position))) throw wrong('a "position" that is a number');
  return {
    type,
    key: JSON.stringify([textOf("scope") ?? "", key]),
    request: textOf("request"),
    response: textOf("response"),
    effects: readEffects(parsed["effects"], wrong),
    effect,
    name: textOf("name") ?? "",
    group: textOf("group"),
    position: position === undefined ? undefined : Number(position),
  };
}

function readEffects(value: unknown, wrong: (expected: string) => Error): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrong('"effects" as a list of ids');
  return value.map((id: unknown) => {
    if (typeof id === "string" || typeof id === "number") return String(id);
    throw wrong('"effects" as a list of ids, each a text or a number');
  });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
