import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  faults,
  faultSources,
  httpFaults,
  type HttpProfile,
  mcpFaults,
  type McpProfile,
  rightHttpServers,
  rightMcpServers,
} from "../../conformance/faults/faults.ts";
import { tableOf } from "../../conformance/faults/breaks.ts";
import { webhookSecret } from "../../conformance/faults/right-profiles.ts";
import type { McpModel } from "../../conformance/faults/right-mcp-server.ts";
import { ModelServer } from "../../conformance/faults/right-server.ts";
import { conformanceCases, mcpCases, mcpProfiles, verifyProfiles } from "../../packages/tools/src/verify/index.ts";
import { mcpOptions, verdictAtFault, verifyMcpModel } from "./verify-mcp-model.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { python3, runPython, verdictsOf } from "./run-python.ts";
import { judgementAtFault, openFault, serveModel, summarize, verifyModel } from "./verify-model.ts";

const options = (profile: HttpProfile) => ({ profile, ...(profile === "webhooks" && { secret: webhookSecret }) });

/** Not every right server can be asked these: keys are optional or needed, a policy is stated or not. */
const unaskable = new Set(["A13", "R16"]);

describe.for(Object.entries(rightHttpServers) as [HttpProfile, () => ModelServer][])("%s", ([profile, open]) => {
  test("a right server fails no case, and misses none but those that not every right server can be asked", async () => {
    const results = summarize(await verifyModel(open(), { ...options(profile), strictness: "draft" }));
    expect(
      results.filter(({ id, kind }) => kind !== "pass" && !(unaskable.has(id) && kind === "not-applicable")),
    ).toEqual([]);
  });

  test("each case has a fault", () => {
    const cases = profile === "draft" ? conformanceCases : verifyProfiles[profile].cases;
    expect(withoutFault(cases, profile)).toEqual([]);
  });
});

describe.for(Object.entries(rightMcpServers) as [McpProfile, () => McpModel][])("%s", ([profile, open]) => {
  test("a right server passes every case", async () => {
    const results = summarize(await verifyMcpModel(open(), profile));
    expect(results.length).toBeGreaterThan(12);
    expect(results.filter(({ kind }) => kind !== "pass")).toEqual([]);
  });

  test("each case has a fault", () => {
    const cases = profile === "mcp" ? mcpCases : mcpProfiles[mcpOptions[profile].profile].cases;
    expect(withoutFault(cases, profile)).toEqual([]);
  });
});

/** The cases of a profile that no fault breaks. */
function withoutFault(cases: readonly { readonly id: string }[], profile: HttpProfile | McpProfile): string[] {
  const broken = new Set(faults.filter((fault) => fault.profile === profile).map(({ breaks }) => breaks));
  return cases.map(({ id }) => id).filter((id) => !broken.has(id));
}

test("the page says how many faults there are, each with another name", () => {
  expect(readFileSync("conformance/README.md", "utf8")).toContain(
    `${faults.length} faults, ${httpFaults.length} of HTTP and ${mcpFaults.length} of MCP`,
  );
  expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
});

test("each fault has one source: a thread where it was published, or a sentence of ours", () => {
  const named = faultSources.flatMap((source) => source.faults);
  expect(named.toSorted()).toEqual(faults.map(({ name }) => name).toSorted());
  const threads = faultSources.flatMap(({ url }) => url ?? []);
  expect(new Set(threads).size).toBe(threads.length);
  expect(threads.filter((url) => !/^https:\/\/github\.com\/[\w.-]+\/[\w.-]+\/(?:issues|pull)\/\d+$/.test(url))).toEqual(
    [],
  );
  expect(faultSources.filter(({ url, says }) => url === undefined && !says.startsWith("Our own: "))).toEqual([]);
});

test.concurrent.for(httpFaults.map((fault) => [fault.name, fault.breaks, fault] as const))(
  "%s fails %s",
  async ([, id, fault]) => {
    const { strictness, kind } = judgementAtFault(id);
    const report = await verifyModel(openFault(fault), {
      ...options(fault.profile),
      timeoutMs: 10_000,
      strictness,
      only: [id],
    });
    expect(summarize(report)).toEqual([{ id, kind, observed: expect.any(String) }]);
  },
);

/** The verdict on a fault by practice. */
const byPractice = async (name: string, options: object) => {
  const fault = httpFaults.find((one) => one.name === name)!;
  const report = await verifyModel(fault.open(), { timeoutMs: 10_000, only: [fault.breaks], ...options });
  return summarize(report).map(({ kind }) => kind);
};

test("an ignored query fails where the counter proves that the second operation did not happen, and is a warning where it is guessed", async () => {
  expect(await byPractice("the-query-is-ignored", {})).toEqual(["fail"]);
  expect(await byPractice("the-query-is-ignored", { effects: undefined })).toEqual(["warn"]);
});

test("a cache of a hundred keys is found by 110 operations, and not by 90; without a number where they are cheap alone", async () => {
  expect(await byPractice("a-table-of-a-hundred-keys", { memory: 110 })).toEqual(["fail"]);
  expect(await byPractice("a-table-of-a-hundred-keys", { memory: 90 })).toEqual(["pass"]);
  const slow = Object.assign(new ModelServer(), { workMs: 30 });
  const report = await verifyModel(slow, { only: ["R19"], ...({ memory: undefined } as object) });
  expect(summarize(report)).toEqual([
    { id: "R19", kind: "not-applicable", observed: expect.stringContaining("say how many by --memory") as unknown },
  ]);
});

describeWithServer("with a runner in Python", python3, () => {
  test("a cache of a thousand keys is found by --memory 1010, in both runners", async () => {
    const open = (): ModelServer => {
      const model = new ModelServer();
      return Object.assign(model, { workMs: 0 }, tableOf(1000)(model));
    };
    const own = await verifyModel(open(), { only: ["R19"], memory: 1010, timeoutMs: 10_000 });
    const other = await serveModel(open(), (origin) =>
      runPython(
        ...[`${origin}/orders`, "--json", "--only", "R19", "--memory", "1010", "--effects", `${origin}/effects`],
        ...["--body", '{"item":"tea","reference":"{{unique}}"}', "--header", "Authorization: acme"],
      ),
    );
    expect([verdictsOf(own), verdictsOf(other)]).toEqual([["R19 fail"], ["R19 fail"]]);
  });
});

test("a server that answers 409 for ever is waited for once, and not in each case", async () => {
  const fault = httpFaults.find(({ name }) => name === "never-completed")!;
  const { requests } = await verifyModel(fault.open(), { timeoutMs: 4000, only: ["C02"] });
  // 27 look around and race. Ten waits of the whole time would take 120 more.
  expect(requests).toBeGreaterThan(0);
  expect(requests).toBeLessThan(110);
});

test.concurrent.for(mcpFaults.map((fault) => [fault.name, fault.breaks, fault] as const))(
  "%s is found by %s",
  async ([, id, { profile, open }]) => {
    const report = await verifyMcpModel(open(), profile, [id]);
    expect(summarize(report)).toEqual([{ id, kind: verdictAtFault(id), observed: expect.any(String) }]);
  },
);
