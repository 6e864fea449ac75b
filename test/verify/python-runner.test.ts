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
import { type Fault, type FaultProfile, faults, rightServers } from "../../conformance/faults/faults.ts";
import { webhookSecret } from "../../conformance/faults/right-profiles.ts";
import { serveModel } from "./verify-model.ts";

interface Server {
  readonly name: string;
  readonly profile: FaultProfile;
  readonly strictness?: "draft" | "practice";
  readonly open: Fault["open"];
}

/** Faults with a quick run, that show themselves in every run: no race. */
const faultNames = [
  "quotes-are-part-of-the-key",
  "punctuation-dropped-from-keys",
  "a-key-is-made-up",
  "replays-get-another-byte",
  "the-body-is-the-key",
  "another-body-gets-the-first-answer",
  "in-progress-says-425",
  "stored-only-when-read",
  "a-hash-of-the-credential-is-the-scope",
  "failures-free-the-key",
  "signatures-not-compared",
  "parsed-before-verified",
  "the-first-bytes-of-a-signature-are-compared",
];

const rightOnes = Object.entries(rightServers) as [FaultProfile, Fault["open"]][];

const servers: readonly Server[] = [
  ...rightOnes.map(([profile, open]) => ({ name: `a right server of ${profile}`, profile, open })),
  {
    name: "a right server, by the letter of the draft",
    profile: "draft",
    strictness: "draft",
    open: rightServers.draft,
  },
  { name: "a server of the draft that is held to acp", profile: "acp", open: rightServers.draft },
  ...faultNames.map((name) => faults.find((fault) => fault.name === name)!),
];

const settings = {
  body: '{"item":"tea","reference":"{{unique}}"}',
  failingBody: '{"fail":true}',
  headers: [["Authorization", "acme"]],
  otherHeaders: [["Authorization", "other"]],
  renewedHeaders: [["Authorization", "acme renewed"]],
  timeoutMs: 2000,
  pauseMs: 60,
} as const;

/** The verdicts of the runner in Python. */
async function runPython(origin: string, { profile, strictness = "practice" }: Server): Promise<VerifyReport> {
  const { stdout } = await promisify(execFile)(
    "python3",
    [
      ...["conformance/run.py", `${origin}/orders`, "--json", "--effects", `${origin}/effects`],
      ...["--profile", profile, "--strictness", strictness, "--other-url", `${origin}/carts`],
      ...["--body", settings.body, "--failing-body", settings.failingBody, "--timeout", "2000", "--pause", "60"],
      ...["--header", "Authorization: acme", "--other-header", "Authorization: other"],
      ...["--renewed-header", "Authorization: acme renewed"],
      ...(profile === "webhooks" ? ["--secret", webhookSecret] : []),
    ],
    { maxBuffer: 1e7 },
  ).catch((error: Error & { code?: unknown; stdout: string }) => {
    // 1 says that a case failed.
    if (error.code === 1) return error;
    throw error;
  });
  return JSON.parse(stdout) as VerifyReport;
}

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

const verdictsOf = ({ cases }: Pick<VerifyReport, "cases">): string[] => cases.map(({ id, kind }) => `${id} ${kind}`);

const python3 = { name: "python3", install: "apt-get install -y python3" };

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
    const { stdout } = await promisify(execFile)("python3", [
      ...["conformance/run.py", url, ...flags, "--restart", restart, "--header", "Authorization: acme"],
      ...["--body", settings.body],
    ]).catch((error: Error & { stdout: string }) => error);
    expect(verdictsOf(JSON.parse(stdout) as VerifyReport)).toEqual([`R18 ${kind}`]);
  });

  test.concurrent.for(servers)("agrees with verify about $name", async (server) => {
    const [own, python] = await Promise.all(
      // Long enough for duplicates to meet, on a busy machine too.
      [runOwn, runPython].map((run) =>
        serveModel(Object.assign(server.open(), { workMs: 40 }), (origin) => run(origin, server)),
      ),
    );
    expect(verdictsOf(python!)).toEqual(verdictsOf(own!));
    expect(own!.cases.length).toBeGreaterThan(20);
  });
});
