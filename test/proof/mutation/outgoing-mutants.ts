import type { Mutant } from "./mutant.ts";

const file = "packages/once-again/src/engine/call-names.ts";
const randomHandlers: Mutant["check"] = { kind: "test", file: "test/proof/outgoing/outgoing.test.ts" };
const rules: Mutant["check"] = { kind: "test", file: "packages/once-again/src/engine/call-names.test.ts" };
const killedBy = "have the effects of one run, or are held, and none too many";

/** The rules by which the calls of a handler are named. */
export const outgoingMutants: readonly Mutant[] = [
  {
    guard: "outgoing: a call that is written down is known by what it says",
    search: "hash !== undefined && call.hash === hash,",
    replace: "hash !== undefined,",
  },
  {
    guard: "outgoing: a recorded call comes once",
    search: "left.splice(left.indexOf(equal), 1);",
    replace: "",
    check: rules,
    killedBy: "a second run finds its calls by what they say",
  },
  {
    guard: "outgoing: another call is undecided while a recorded one is left",
    search: "if (left.some((call) => call.origin === origin || call.number === undefined)) return undecided();",
    replace: "if (left.some((call) => call.number === undefined)) return undecided();",
  },
  {
    guard: "outgoing: after a call without a key, a second run calls nothing",
    search: "if (left.some((call) => call.origin === origin || call.number === undefined)) return undecided();",
    replace: "if (left.some((call) => call.origin === origin && call.number !== undefined)) return undecided();",
  },
  {
    guard: "outgoing: numbers alone are for services that compare",
    search: 'if (keys === "compares" && query === "" && !isKnown) {',
    replace: 'if (query === "" && !isKnown) {',
  },
  {
    guard: "outgoing: numbers alone are not for calls with a query",
    search: 'if (keys === "compares" && query === "" && !isKnown) {',
    replace: 'if (keys === "compares" && !isKnown) {',
    check: rules,
    killedBy: "a call with a query is written down",
  },
  {
    guard: "outgoing: a call waits for one beside it in a second run",
    search: 'if (isBusy && (isRerun || !records || hash === undefined)) return { kind: "wait" };',
    replace: 'if (isBusy && (!records || hash === undefined)) return { kind: "wait" };',
  },
  {
    guard: "outgoing: a call waits for one beside it where nothing is written down",
    search: 'if (isBusy && (isRerun || !records || hash === undefined)) return { kind: "wait" };',
    replace: 'if (isBusy && (isRerun || hash === undefined)) return { kind: "wait" };',
    check: rules,
    killedBy: "a call waits for one beside it",
  },
  {
    guard: "outgoing: a call after one in doubt is undecided in a second run",
    search: "if (isRerun && isInDoubt) return undecided();",
    replace: "",
  },
  {
    guard: "outgoing: a call after one in doubt has no number alone",
    search: "if (!isBusy && !isInDoubt) {",
    replace: "if (!isBusy) {",
  },
  {
    guard: "outgoing: a second run does not write down groups that it does not know",
    search: "if (!isRerun) for (const other of states.keys())",
    replace: "for (const other of states.keys())",
    check: rules,
    killedBy: "a second run writes down no group that it does not know whole",
  },
  {
    guard: "outgoing: a first run writes down what has left before",
    search: "if (!isRerun) for (const other of states.keys()) if (other.origin === call.origin) isRecorded.add(other);",
    replace: "",
  },
  {
    guard: "outgoing: a refused key holds the operation",
    search: 'if (end === "refused") isHeld = true;',
    replace: "",
  },
  {
    guard: "outgoing: a recorded call that does not come holds the operation",
    search: "mustHold: () => isHeld || left.length > 0,",
    replace: "mustHold: () => isHeld,",
    check: rules,
    killedBy: "a recorded call that does not come holds the operation",
  },
  {
    guard: "outgoing: a held operation calls nothing more",
    search: "if (isHeld) return undecided();",
    replace: "",
  },
].map((mutant) => ({ file, check: randomHandlers, killedBy, ...mutant }));
