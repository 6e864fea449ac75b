import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { gccBinary, spinBinary } from "../../support/servers/spin.ts";
import { configurations, withDeliveries } from "../explorer/configuration.ts";
import { checkModels, guardsOf, modelFile, modelSteps } from "./check-model.ts";
import { keyGraph } from "./key-graph.ts";
import { modelRuns, replayedOutbox } from "./models.ts";
import { replayInbox } from "./replay-inbox.ts";
import { replayOutbox } from "./replay-outbox.ts";
import { replayKeySteps, replayOutboxSteps } from "./replay.ts";
import { walksThrough } from "./walks.ts";

const models = ["key", "transaction", "outbox", "inbox"] as const;

describe.for(models)("the page and the model of %s", (model) => {
  test("have the same guards, and each is taken out by a run that names what it breaks", async () => {
    const page = readFileSync(modelFile(model).replace(/pml$/, "md"), "utf8");
    const rows = [...page.matchAll(/^\| `([A-Z]\d_[A-Z_]+)` *\|[^|]*\| `([a-z-]+)`/gm)].map((row) => row.slice(1, 3));
    const runs = modelRuns.filter((run) => run.model === model && run.without !== undefined);
    expect(runs.map(({ without, fails }) => [without, ...fails])).toEqual(rows);
    expect(runs.map(({ without }) => without!).sort()).toEqual(await guardsOf(model));
    for (const [guard] of rows) expect(page).toContain(`**${guard!.split("_")[0]}. `);
  });
});

describe("walks through a model", () => {
  const step = (from: string, to: string) => ({ from, to, what: `${from}${to}` });
  const steps = [step("a", "b"), step("b", "a"), step("b", "c"), step("c", "c"), step("a", "d")];

  test("take every step, each walk from the first state", () => {
    const walks = walksThrough(steps, "a");
    expect(new Set(walks.flat())).toEqual(new Set(steps));
    for (const walk of walks) {
      expect(walk[0]!.from).toBe("a");
      for (const [at, { to }] of walk.slice(0, -1).entries()) expect(walk[at + 1]!.from).toBe(to);
    }
  });

  test("are not made where a step can't be reached", () => {
    expect(() => walksThrough([...steps, step("e", "a")], "a")).toThrow("1 steps are on no walk");
  });
});

describeWithServer("with spin", spinBinary, () => {
  describeWithServer("and gcc", gccBinary, () => {
    test("every model holds with all its guards, and without one it fails by its name", async () => {
      const results = await checkModels(modelRuns, availableParallelism());
      const wrong = results.filter(({ properties }) => properties.some(({ asExpected }) => !asExpected));
      expect(wrong).toEqual([]);
      // A model of a handful of states has left something out.
      for (const model of models) {
        const states = results.filter((one) => one.model === model).flatMap(({ properties }) => properties);
        expect(Math.max(...states.map((property) => property.states))).toBeGreaterThan(100);
      }
    });

    test.for([
      ["hold", "key", []],
      ["hold, two requests", "key", ["TWO_REQUESTS"]],
      ["rerun, keyed effect", "key", ["RERUN", "KEYED"]],
      ["transactional", "transaction", ["N=3"]],
      ["transactional, two requests", "transaction", ["N=3", "TWO_REQUESTS"]],
      ["transactional, at work after the answer", "transaction", ["N=3", "WORKS_ON"]],
    ] as const)("the explorer's relation, %s, is the graph of the model %s", async ([name, model, definitions]) => {
      const configuration = configurations.find((one) => one.name === name)!;
      const ours = keyGraph(withDeliveries(configuration, model === "key" ? 2 : 3));
      const steps = [...(await modelSteps(model, definitions))].map((step) => step.split(" | ")[0]!);
      const theirs = new Set(steps.filter((step) => step.split(" > ")[0] !== step.split(" > ")[1]));
      expect(ours.size).toBeGreaterThan(40);
      expect([...ours].filter((step) => !theirs.has(step))).toEqual([]);
      expect([...theirs].filter((step) => !ours.has(step))).toEqual([]);
    });

    test("a relation with a guard less is another graph", async () => {
      const configuration = configurations.find(({ name }) => name === "delete on error")!;
      const ours = keyGraph(withDeliveries({ ...configuration, expected: "clean" }, 2));
      const theirs = new Set([...(await modelSteps("key", []))].map((step) => step.split(" | ")[0]!));
      expect([...ours].filter((step) => !theirs.has(step)).length).toBeGreaterThan(0);
    });

    test.for([[[]], [["TWO_REQUESTS"]], [["RERUN", "KEYED"]], [["N=3"]]] as const)(
      "every path of the key's model (%s) is answered by the store's rules as the model says",
      async ([definitions]) => {
        const replayed = replayKeySteps(await modelSteps("key", definitions), definitions);
        expect(replayed.differences).toEqual([]);
        expect(replayed.calls).toBeGreaterThan(500);
      },
    );

    test.for([[["BOUNDED=2"]], [["BOUNDED=2", "REFUSED"]], [["BOUNDED=2", "KEYLESS"]]] as const)(
      "every change of the outbox's table (%s) is what its statements do",
      async ([definitions]) => {
        const replayed = replayOutboxSteps(await modelSteps("outbox", definitions), definitions);
        expect(replayed.differences).toEqual([]);
        expect(replayed.calls).toBeGreaterThan(100);
      },
    );

    test.for([[[]], [["HELD", "BOUNDED=2"]], [["FAILS"]], [["REJECTS"]]] as const)(
      "every step of the inbox's model (%s) is taken by two inboxes over SQLite",
      async ([definitions]) => {
        const replayed = await replayInbox(await modelSteps("inbox", definitions), definitions, temporaryFolder());
        expect(replayed.difference).toBeUndefined();
        expect(replayed.steps).toBeGreaterThan(1000);
      },
    );

    test.for(modelRuns.filter(({ model, without }) => model === "inbox" && without !== undefined))(
      "the inbox does not follow its model without $without",
      async ({ definitions }) => {
        const replayed = await replayInbox(await modelSteps("inbox", definitions), definitions, temporaryFolder());
        expect(replayed.difference).toMatch(/^[a-z ]+( \d)?: .* \(\d.* > \d.*\)$/);
      },
    );

    const outboxRuns = modelRuns.filter((run) => run.model === "outbox" && replayedOutbox(run) !== undefined);

    test.for(outboxRuns.filter(({ without }) => without === undefined))(
      "a part of all walks through the outbox's model ($definitions) is taken by two relays over SQLite",
      async (run) => {
        const replayed = await replayOutbox(await modelSteps("outbox", replayedOutbox(run)!), temporaryFolder(), 8);
        expect(replayed.difference).toBeUndefined();
        expect(replayed.steps).toBeGreaterThan(1000);
      },
    );

    test.for(outboxRuns.filter(({ without }) => without !== undefined))(
      "the relays do not follow the outbox's model without $without",
      async (run) => {
        const replayed = await replayOutbox(await modelSteps("outbox", replayedOutbox(run)!), temporaryFolder());
        expect(replayed.difference).toMatch(/^[a-z ]+( \d)?: .* \(\d.* > \d.*\)$/);
      },
    );
  });
});
