import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { ProfileName, VerifyOptions, VerifyReport } from "../../packages/tools/src/verify/index.ts";
import { verify } from "../../packages/tools/src/verify/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import type { Break } from "./breaks.ts";
import { ModelServer } from "./model-server.ts";
import { AcpModel, StripeModel, WebhookModel, webhookSecret } from "./profile-models.ts";
import { serveModel } from "./verify-model.ts";
import { violations } from "./violations.ts";
import { webhookViolations } from "./webhook-violations.ts";

interface Server {
  readonly name: string;
  readonly profile?: ProfileName;
  readonly strictness?: "draft" | "practice";
  readonly open: () => ModelServer;
}

const broken = (change: Break): ModelServer => {
  const model = new ModelServer();
  return Object.assign(model, change(model));
};

const brokenReceiver = (id: string): ModelServer => {
  const model = new WebhookModel();
  return Object.assign(model, webhookViolations[id]!(model));
};

const servers: readonly Server[] = [
  { name: "a right server, by the draft", strictness: "draft", open: () => new ModelServer() },
  { name: "a right server, by practice", open: () => new ModelServer() },
  { name: "a right server of acp", profile: "acp", open: () => new AcpModel() },
  { name: "a right server of stripe", profile: "stripe", open: () => new StripeModel() },
  { name: "a right receiver of webhooks", profile: "webhooks", open: () => new WebhookModel() },
  { name: "a receiver that verifies nothing", profile: "webhooks", open: () => brokenReceiver("W04") },
  { name: "a receiver that parses first", profile: "webhooks", open: () => brokenReceiver("W09") },
  { name: "a server of the draft held to acp", profile: "acp", open: () => new ModelServer() },
  ...["K03", "K13", "R03", "R14", "F01", "C01", "D03", "S01", "E06"].map((id) => ({
    name: `a server that breaks ${id}`,
    open: () => broken(violations[id]!),
  })),
];

const settings = {
  body: '{"item":"tea","reference":"{{unique}}"}',
  failingBody: '{"fail":true}',
  headers: [["Authorization", "acme"]],
  otherHeaders: [["Authorization", "other"]],
  timeoutMs: 2000,
  pauseMs: 60,
} as const;

/** The verdicts of the runner in Python. */
async function runPython(
  origin: string,
  { profile = "draft", strictness = "practice" }: Server,
): Promise<VerifyReport> {
  const { stdout } = await promisify(execFile)(
    "python3",
    [
      ...["conformance/run.py", `${origin}/orders`, "--json", "--effects", `${origin}/effects`],
      ...["--profile", profile, "--strictness", strictness, "--other-url", `${origin}/carts`],
      ...["--body", settings.body, "--failing-body", settings.failingBody, "--timeout", "2000", "--pause", "60"],
      ...["--header", "Authorization: acme", "--other-header", "Authorization: other"],
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

function runOwn(origin: string, { profile = "draft", strictness = "practice" }: Server): Promise<VerifyReport> {
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

const verdictsOf = ({ cases }: Pick<VerifyReport, "cases">): string[] => cases.map(({ id, kind }) => `${id} ${kind}`);

const python3 = { name: "python3", install: "apt-get install -y python3" };

describeWithServer("the runner in Python", python3, () => {
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
