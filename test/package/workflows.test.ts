import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const files = globSync(".github/workflows/*.{yml,yaml}");
const release = parse(readFileSync(".github/workflows/release.yml", "utf8")) as Workflow;

test("there are workflows", () => {
  expect(files.length).toBeGreaterThanOrEqual(5);
});

describe.for(files)("%s", (file) => {
  const text = readFileSync(file, "utf8");
  const workflow = parse(text) as Workflow;
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps ?? []);

  test("takes each action by its commit, with the version beside it, or from this repository", () => {
    const uses = Array.from(text.matchAll(/^\s*(?:- )?uses: *(.+)$/gm), ([, used]) => used!);
    const parsed = [...Object.values(workflow.jobs), ...steps].flatMap((part) => part.uses ?? []);
    expect(uses).toHaveLength(parsed.length);
    for (const used of uses) {
      expect(used).toMatch(/^(?:\.\/\S+|[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
    }
  });

  test("may only read where nothing else is said, and runs no pull request with rights", () => {
    expect(workflow.permissions).toMatchObject({ contents: "read" });
    expect(Object.keys(workflow.on)).not.toContain("pull_request_target");
  });

  test("installs what the lock says", () => {
    for (const { run = "" } of steps) expect(run).not.toMatch(/npm (?:install|i)\b/);
  });
});

test("a release publishes every package that is not private, with its provenance", () => {
  const publish = release.jobs["publish"]!;
  const names = globSync("packages/*/package.json")
    .map((file) => JSON.parse(readFileSync(file, "utf8")) as { name: string; private?: boolean })
    .filter((manifest) => manifest.private !== true)
    .map(({ name }) => name);
  const published = publish.env!["PACKAGES"]!.split("--workspace ").map((name) => name.trim());
  expect(published.filter((name) => name !== "").toSorted()).toEqual(names.toSorted());
  const runs = publish.steps!.map(({ run = "" }) => run);
  expect(runs).toContain("npm publish $PACKAGES --provenance --access public");
  expect(publish.permissions).toEqual({ contents: "read", "id-token": "write" });
});
