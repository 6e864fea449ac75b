import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type LambdaOutcome, lambdaRuntime } from "../../packages/testing/src/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { ChargeEvent } from "./lambda-charge-child.ts";

// Functions in processes that are killed, frozen and timed out: one effect each time, on a file of SQLite.

const file = fileURLToPath(new URL("lambda-charge-child.ts", import.meta.url));

async function functionOf(name: "leased" | "looking" | "transactional") {
  const folder = temporaryFolder();
  const [keys, effects] = [join(folder, "keys.db"), join(folder, "effects")];
  writeFileSync(effects, "");
  const database = new DatabaseSync(keys);
  database.exec("CREATE TABLE charges (id TEXT)");
  onTestFinished(() => database.close());
  const lambda = await lambdaRuntime({
    file,
    name,
    timeoutMs: 800,
    environment: { KEYS: keys, EFFECTS: effects },
  });
  onTestFinished(() => lambda[Symbol.asyncDispose]());
  const lines = () => readFileSync(effects, "utf8").split("\n").filter(Boolean);
  const said = async (line: string): Promise<void> => {
    while (!lines().includes(line)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  /** Hands over as Lambda does with an asynchronous event, until it has an answer or another one than "in progress". */
  const repeat = async (event: ChargeEvent): Promise<LambdaOutcome> => {
    for (;;) {
      const outcome = await lambda.invoke(event);
      if (outcome.kind !== "failed" || !outcome.errorMessage.includes("still running")) return outcome;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const charges = () =>
    name === "transactional"
      ? database.prepare("SELECT id FROM charges").all().length
      : lines().filter((line) => line.startsWith("charged")).length;
  return { lambda, said, repeat, charges };
}

const ways = {
  killed: (lambda: { kill(): void }) => lambda.kill(),
  frozen: (lambda: { freeze(): void }) => lambda.freeze(),
} as const;

describe.for(Object.keys(ways) as (keyof typeof ways)[])("a function that is %s after its effect", (way) => {
  test("leased: is held, and does not charge again", async () => {
    const { lambda, said, repeat, charges } = await functionOf("leased");
    const charging = lambda.invoke({ id: "7", hangs: "after" });
    await said("charged 7");
    ways[way](lambda);
    expect((await charging).kind).toBe(way === "killed" ? "exited" : "timed-out");
    expect(await repeat({ id: "7" })).toMatchObject({
      kind: "failed",
      errorMessage: expect.stringContaining("ended without a word") as string,
    });
    expect(charges()).toBe(1);
  });

  test("with a look: is found, and the repeat has its answer", async () => {
    const { lambda, said, repeat, charges } = await functionOf("looking");
    const charging = lambda.invoke({ id: "7", hangs: "after" });
    await said("charged 7");
    ways[way](lambda);
    await charging;
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(charges()).toBe(1);
  });

  test("transactional: was rolled back, and the repeat charges", async () => {
    const { lambda, said, repeat, charges } = await functionOf("transactional");
    const charging = lambda.invoke({ id: "7", hangs: "after" });
    await said("began 7");
    ways[way](lambda);
    await charging;
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
    expect(charges()).toBe(1);
  });
});

test("a function that was killed before its effect is looked up, and charges in the repeat", async () => {
  const { lambda, said, repeat, charges } = await functionOf("looking");
  const charging = lambda.invoke({ id: "7", hangs: "before" });
  await said("began 7");
  lambda.kill();
  await charging;
  expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
  expect(charges()).toBe(1);
});

test("a function that takes too long ends before Lambda ends its process, and says so", async () => {
  const { lambda, repeat, charges } = await functionOf("leased");
  expect(await lambda.invoke({ id: "7", hangs: "after" })).toMatchObject({
    kind: "failed",
    errorMessage: expect.stringContaining("did not end within") as string,
  });
  expect(await repeat({ id: "7" })).toMatchObject({ kind: "failed" });
  expect(charges()).toBe(1);
});

test("duplicates at the same time, each in its process, have one effect", async () => {
  const { lambda, repeat, charges } = await functionOf("leased");
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => lambda.invoke({ id: "7" })));
  const kinds = outcomes.map(({ kind }) => kind);
  expect(kinds).toContain("answered");
  expect(await repeat({ id: "7" })).toEqual({ kind: "answered", answer: { charged: "7" } });
  expect(charges()).toBe(1);
});
