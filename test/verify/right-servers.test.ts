import { expect, test } from "vitest";
import { verify, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { rightModels, rightPrograms, startRightProgram } from "./right-servers.ts";
import { python3, type Report, runPython, verdictsOf } from "./run-python.ts";
import { serveModel } from "./verify-model.ts";

// Servers that keep the rules, in the manners of their languages: old versions of HTTP, connections that end, one request at a
// time. None of them may fail, in either runner.

const settings = {
  body: '{"item":"tea","reference":"{{unique}}"}',
  failingBody: '{"fail":true}',
  headers: [["Authorization", "acme"]],
  otherHeaders: [["Authorization", "other"]],
  renewedHeaders: [["Authorization", "acme renewed"]],
  longerHeaders: [["Authorization", "acme1"]],
  pauseMs: 60,
  memory: 110,
} as const;

const runOwn = (origin: string): Promise<VerifyReport> =>
  verify({ ...settings, url: `${origin}/orders`, effects: { url: `${origin}/effects` } });

const runOther = (origin: string): Promise<Report> =>
  runPython(
    ...[`${origin}/orders`, "--json", "--effects", `${origin}/effects`],
    ...["--body", settings.body, "--failing-body", settings.failingBody, "--pause", "60", "--memory", "110"],
    ...["--header", "Authorization: acme", "--other-header", "Authorization: other"],
    ...["--renewed-header", "Authorization: acme renewed", "--longer-header", "Authorization: acme1"],
  );

/** Cases that are not applicable where duplicates have not met a running order, and those that not every right server can be asked. */
const unaskable = new Set(["C05", "C06", "K26", "K27", "R05", "R07", "R08", "R16", "R18"]);

const othersIn = ({ cases }: Report): string[] =>
  verdictsOf({
    cases: cases.filter(({ id, kind }) => kind !== "pass" && !(kind === "not-applicable" && unaskable.has(id))),
  });

for (const program of rightPrograms) {
  describeWithServer(program.name, program.binary, () => {
    test.concurrent("fails no case, and both runners say the same", async () => {
      const own = await runOwn(await startRightProgram(program));
      const other = await runOther(await startRightProgram(program));
      const others = program.others.toSorted();
      expect([othersIn(own).toSorted(), othersIn(other).toSorted()]).toEqual([others, others]);
    });
  });
}

describeWithServer("right servers in Node, and a runner in Python", python3, () => {
  test.concurrent.for(Object.entries(rightModels))("%s: no case fails, and both say the same", async ([, model]) => {
    const own = await serveModel(model.open(), runOwn);
    const other = await serveModel(model.open(), runOther);
    const others = model.others.toSorted();
    expect([othersIn(own).toSorted(), othersIn(other).toSorted()]).toEqual([others, others]);
  });
});
