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
import { webhookSecret } from "../../conformance/faults/right-profiles.ts";
import type { McpModel } from "../../conformance/faults/right-mcp-server.ts";
import type { ModelServer } from "../../conformance/faults/right-server.ts";
import { conformanceCases, mcpCases, mcpProfiles, verifyProfiles } from "../../packages/tools/src/verify/index.ts";
import { mcpOptions, verdictAtFault, verifyMcpModel } from "./verify-mcp-model.ts";
import { openFault, summarize, verifyModel } from "./verify-model.ts";

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

test("there are at least 300 faults, each with another name", () => {
  expect(faults.length).toBeGreaterThanOrEqual(300);
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
    const report = await verifyModel(openFault(fault), {
      ...options(fault.profile),
      timeoutMs: 10_000,
      // One rule is that of practice alone.
      strictness: id === "K02" ? "practice" : "draft",
      only: [id],
    });
    expect(summarize(report)).toEqual([{ id, kind: "fail", observed: expect.any(String) }]);
  },
);

test.concurrent.for(mcpFaults.map((fault) => [fault.name, fault.breaks, fault] as const))(
  "%s is found by %s",
  async ([, id, { profile, open }]) => {
    const report = await verifyMcpModel(open(), profile, [id]);
    expect(summarize(report)).toEqual([{ id, kind: verdictAtFault(id), observed: expect.any(String) }]);
  },
);
