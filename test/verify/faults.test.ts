import { describe, expect, test } from "vitest";
import { type Fault, faults, faultSources, rightServers, type FaultProfile } from "../../conformance/faults/faults.ts";
import { webhookSecret } from "../../conformance/faults/right-profiles.ts";
import { conformanceCases, verifyProfiles } from "../../packages/tools/src/verify/index.ts";
import { summarize, verifyModel } from "./verify-model.ts";

const options = (profile: FaultProfile) => ({ profile, ...(profile === "webhooks" && { secret: webhookSecret }) });

/** Not every right server can be asked these: keys are optional or needed, a policy is stated or not. */
const unaskable = new Set(["A13", "R16"]);

describe.for(Object.entries(rightServers) as [FaultProfile, Fault["open"]][])("%s", ([profile, open]) => {
  test("a right server fails no case, and misses none but those that not every right server can be asked", async () => {
    const results = summarize(await verifyModel(open(), { ...options(profile), strictness: "draft" }));
    expect(
      results.filter(({ id, kind }) => kind !== "pass" && !(unaskable.has(id) && kind === "not-applicable")),
    ).toEqual([]);
  });

  test("each case has a fault", () => {
    const cases = profile === "draft" ? conformanceCases : verifyProfiles[profile].cases;
    const broken = new Set(faults.filter((fault) => fault.profile === profile).map(({ breaks }) => breaks));
    expect(cases.filter(({ id }) => !broken.has(id)).map(({ id }) => id)).toEqual([]);
  });
});

test("there are at least 150 faults, each with another name", () => {
  expect(faults.length).toBeGreaterThanOrEqual(150);
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

test.concurrent.for(faults.map((fault) => [fault.name, fault.breaks, fault] as const))(
  "%s fails %s",
  async ([, id, fault]) => {
    const report = await verifyModel(fault.open(), {
      ...options(fault.profile),
      // One rule is that of practice alone.
      strictness: id === "K02" ? "practice" : "draft",
      only: [id],
    });
    expect(summarize(report)).toEqual([{ id, kind: "fail", observed: expect.any(String) }]);
  },
);
