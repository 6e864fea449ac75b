import { expect, test } from "vitest";
import { engineOf } from "../engine-of.ts";
import type { Order } from "./caller.ts";
import { gatewayBreaches, type GatewayHistory } from "./check.ts";
import { answerOf } from "./orders.ts";
import { gatewayText } from "./report.ts";
import { runGateway } from "./run-gateway.ts";

test(
  "a careless service and two gateways, killed all the time: no second effect, and every outcome has its name",
  { timeout: 1_800_000 },
  async () => {
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
    const result = await runGateway({ engine: await engineOf("sqlite"), seed, requests: 500 });
    const text = gatewayText(result);
    expect([...result.breaches, ...result.failures], text).toEqual([]);
    // A held operation has its effect or not, by chance.
    expect(
      result.missedWindows.filter((window) => !window.startsWith("held")),
      text,
    ).toEqual([]);
    expect(result.orders["effects, when they were settled"], text).toBe(500);
  },
);

const order: Order = { key: "k", policy: "hold" };
const effect = { key: "k", effect: "1" };
const happened = { orders: [order], ledger: [effect], held: new Set<string>() };

test.for<[string, Partial<GatewayHistory>, string[]]>([
  ["an answer for its effect", { ends: new Map([["k", [{ answer: answerOf(effect) }]]]) }, []],
  ["a named and held outcome", { ends: new Map([["k", ["unknown"]]]), held: new Set(["k"]) }, []],
  [
    "a second effect",
    { ends: new Map([["k", [{ answer: answerOf(effect) }]]]), ledger: [effect, { key: "k", effect: "2" }] },
    ["one-effect"],
  ],
  [
    "two answers",
    { ends: new Map([["k", [{ answer: answerOf(effect) }, { answer: `${answerOf(effect)} ` }]]]) },
    ["same-answer"],
  ],
  [
    "an answer for what is called unknown in the end",
    { ends: new Map([["k", [{ answer: answerOf(effect) }, "unknown"]]]), held: new Set(["k"]) },
    ["same-answer"],
  ],
  [
    "an outcome that was unknown for a while",
    { ends: new Map([["k", ["unknown", { answer: answerOf(effect) }]]]) },
    [],
  ],
  [
    "an answer without an effect",
    { ends: new Map([["k", [{ answer: answerOf({ key: "k", effect: "0" }) }]]]) },
    ["no-lost-effect"],
  ],
  ["no end", { ends: new Map([["k", ["open"]]]) }, ["every-key-ends"]],
  ["no request at all", { ends: new Map() }, ["every-key-ends"]],
  ["an outcome that is unknown, and not held", { ends: new Map([["k", ["unknown"]]]) }, ["every-key-ends"]],
  [
    "a key that is held, and not named",
    { ends: new Map([["k", [{ answer: answerOf(effect) }]]]), held: new Set(["k"]) },
    ["every-key-ends"],
  ],
])("%s is judged", async ([, found, broken]) => {
  const history = { ...happened, ends: new Map(), ...found };
  expect((await gatewayBreaches(history)).map(({ invariant }) => invariant)).toEqual(broken);
});
