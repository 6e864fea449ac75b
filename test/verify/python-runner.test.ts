import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { VerifyOptions, VerifyReport } from "../../packages/tools/src/verify/index.ts";
import { verify } from "../../packages/tools/src/verify/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { httpFaults, type HttpProfile, rightHttpServers } from "../../conformance/faults/faults.ts";
import { webhookSecret } from "../../conformance/faults/right-profiles.ts";
import type { ModelServer } from "../../conformance/faults/right-server.ts";
import { python3, type Report, runPython, runPythonWithEach, verdictsOf } from "./run-python.ts";
import { judgementAtFault, openFault, serveModel, serveModels } from "./verify-model.ts";

interface Server {
  readonly name: string;
  readonly profile: HttpProfile;
  readonly strictness?: "draft" | "practice";
  readonly open: () => ModelServer;
}

/** Faults with a quick run, that show themselves in every run: no race. */
const faultNames = [
  "quotes-are-part-of-the-key",
  "punctuation-dropped-from-keys",
  "a-key-is-made-up",
  "replays-get-another-byte",
  "the-body-is-the-key",
  "replays-are-written-anew-by-accept",
  "another-body-gets-the-first-answer",
  "in-progress-says-425",
  "half-bodies-run",
  "a-hash-of-the-credential-is-the-scope",
  "failures-free-the-key",
  "signatures-not-compared",
  "parsed-before-verified",
  "the-first-bytes-of-a-signature-are-compared",
];

const rightOnes = Object.entries(rightHttpServers) as [HttpProfile, () => ModelServer][];

const servers: readonly Server[] = [
  ...rightOnes.map(([profile, open]) => ({ name: `a right server of ${profile}`, profile, open })),
  {
    name: "a right server, by the letter of the draft",
    profile: "draft",
    strictness: "draft",
    open: rightHttpServers.draft,
  },
  { name: "a server of the draft that is held to acp", profile: "acp", open: rightHttpServers.draft },
  ...faultNames.map((name) => httpFaults.find((fault) => fault.name === name)!),
];

const settings = {
  body: '{"item":"tea","reference":"{{unique}}"}',
  failingBody: '{"fail":true}',
  headers: [["Authorization", "acme"]],
  otherHeaders: [["Authorization", "other"]],
  renewedHeaders: [["Authorization", "acme renewed"]],
  longerHeaders: [["Authorization", "acme1"]],
  timeoutMs: 10_000,
  pauseMs: 60,
  memory: 110,
} as const;

/** The arguments by which the runner in Python judges a server. */
const pythonArguments = (origin: string, { profile, strictness = "practice" }: Server, ...more: string[]): string[] => [
  ...[`${origin}/orders`, "--json", "--effects", `${origin}/effects`],
  ...["--profile", profile, "--strictness", strictness, "--other-url", `${origin}/carts`],
  ...[
    "--body",
    settings.body,
    "--failing-body",
    settings.failingBody,
    "--timeout",
    String(settings.timeoutMs),
    "--pause",
    String(settings.pauseMs),
    "--memory",
    String(settings.memory),
  ],
  ...["--header", "Authorization: acme", "--other-header", "Authorization: other"],
  ...["--renewed-header", "Authorization: acme renewed", "--longer-header", "Authorization: acme1"],
  ...(profile === "webhooks" ? ["--secret", webhookSecret] : []),
  ...more,
];

function runOwn(origin: string, { profile, strictness = "practice" }: Server): Promise<VerifyReport> {
  const options: VerifyOptions = {
    ...settings,
    url: `${origin}/orders`,
    otherUrl: `${origin}/carts`,
    effects: { url: `${origin}/effects` },
    profile,
    strictness,
    ...(profile === "webhooks" && { secret: webhookSecret }),
  };
  return verify(options);
}

/** A server in a process that can be killed, its state on disk, and the command that kills it and starts it again. */
async function startProcess(name: string): Promise<{ origin: string; restart: string }> {
  const [port, folder] = [await serverPort(), temporaryFolder()];
  const script = fileURLToPath(new URL("restart-child.ts", import.meta.url));
  const parts = [process.execPath, script, name, String(port), folder];
  await promisify(execFile)(parts[0]!, parts.slice(1));
  onTestFinished(() => void process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGKILL"));
  return { origin: `http://127.0.0.1:${port}`, restart: parts.map((part) => `'${part}'`).join(" ") };
}

/** The case of a body in pieces. Its fault shows itself if the server sees the first of them before the second has come. */
const timed = "D06";

/** Every other fault shows itself in every run: one that races waits for its race. R18 needs a process that is killed. */
const sureFaults = httpFaults.filter(({ breaks }) => breaks !== "R18" && breaks !== timed);

/** Cases that are not applicable where duplicates have not met a running order, which is a matter of chance in a right server. */
const unmetIn = ({ cases }: Report): string[] =>
  cases.filter(({ id, kind }) => ["C05", "C06", "A03"].includes(id) && kind === "not-applicable").map(({ id }) => id);

describeWithServer("the runner in Python", python3, () => {
  test.for([
    ["draft", "pass"],
    ["keys-in-memory", "fail"],
  ] as const)("and verify kill %s and start it again: a restart is a %s", async ([name, kind]) => {
    const { origin, restart } = await startProcess(name);
    const url = `${origin}/orders`;
    const own = await verify({ ...settings, url, effects: { url: `${origin}/effects` }, restart, timeoutMs: 30_000 });
    expect(own.cases.filter((one) => one.kind === "fail" || one.id === "R18")).toMatchObject([{ id: "R18", kind }]);
    const flags = ["--json", "--only", "R18", "--effects", `${origin}/effects`, "--timeout", "30000"];
    const python = await runPython(
      ...[url, ...flags, "--restart", restart, "--header", "Authorization: acme", "--body", settings.body],
    );
    expect(verdictsOf(python)).toEqual([`R18 ${kind}`]);
  });

  test("finds each fault by its case, races included, as verify does", async () => {
    const reports = await serveModels(sureFaults.map(openFault), (origins) =>
      runPythonWithEach(
        sureFaults.map((fault, at) => {
          const { strictness } = judgementAtFault(fault.breaks);
          return pythonArguments(origins[at]!, { ...fault, strictness }, "--only", fault.breaks);
        }),
      ),
    );
    const verdicts = reports.map((report, at) => `${sureFaults[at]!.name}: ${verdictsOf(report).join()}`);
    expect(verdicts).toEqual(
      sureFaults.map(({ name, breaks }) => `${name}: ${breaks} ${judgementAtFault(breaks).kind}`),
    );
  });

  test.concurrent.for(servers)("agrees with verify about $name", async (server) => {
    // Long enough for duplicates to meet, on a busy machine too.
    const open = (): ModelServer => Object.assign(server.open(), { workMs: 40 });
    const [own, python] = await Promise.all([
      serveModel(open(), (origin) => runOwn(origin, server)),
      serveModel(open(), (origin) => runPython(...pythonArguments(origin, server))),
    ]);
    const unmet = new Set([...unmetIn(own), ...unmetIn(python)]);
    const met = (report: Report): string[] => verdictsOf(report).filter((line) => !unmet.has(line.slice(0, 3)));
    expect(met(python)).toEqual(met(own));
    expect(own.cases.length).toBeGreaterThan(20);
  });
});
