import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { standardWebhooks, webhookRoute } from "../../packages/once-again/src/messaging/webhooks/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { verify, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import { frameworks } from "../frameworks/frameworks.ts";
import { openTransaction, type Call, type RouteRules } from "../frameworks/route.ts";
import { serving } from "../frameworks/serving.ts";
import { appDatabase, insertOrder } from "../support/app-database.ts";
import { cliDocument, runCli } from "../support/cli.ts";
import { casesOf } from "./orders.ts";

const secret = `whsec_${btoa("a secret of the warehouse's own!")}`;

/** Our own receiver's rules, where an event goes, and how many there were. */
interface Ground {
  rules: Partial<RouteRules>;
  insert(call: Call): void;
  count(): number;
}

function transactionalGround(): Ground {
  const database = appDatabase();
  return {
    rules: { store: database.store, mode: "transactional" },
    insert: (call) => insertOrder(openTransaction(call), "tea"),
    count: () => database.orders().length,
  };
}

function leasedGround(): Ground {
  let events = 0;
  return { rules: { store: memoryStore() }, insert: () => void (events += 1), count: () => events };
}

const transactional = { ground: "transactional", open: transactionalGround };
const leased = { ground: "leased", open: leasedGround };

describe.each(frameworks)("a webhookRoute in $name", (framework) => {
  test.each(framework === frameworks[0] ? [transactional, leased] : [leased])(
    "fails and warns in no case: $ground",
    async ({ open }) => {
      const { rules: given, insert, count } = open();
      const verifier = standardWebhooks(new Webhook(secret));
      const onError = (): void => undefined;
      const rules = webhookRoute({ ...(given as { store: never }), endpoint: "warehouse", verify: verifier, onError });
      const { url } = await serving(framework, {
        rules: rules as unknown as RouteRules,
        scope: () => "warehouse",
        async handle(call) {
          if (!call.body.startsWith("{")) return { status: 400, body: "no JSON" };
          await setTimeout(1);
          if (call.body.includes('"fail":true')) return { status: 500, body: "failed" };
          insert(call);
          return { status: 204 };
        },
      });
      const report = await verify({
        url: `${url}/v1/orders`,
        profile: "webhooks",
        secret,
        failingBody: '{"fail":true}',
        effects: async () => count(),
        strictness: "draft",
        pauseMs: 100,
      });
      const unasked = report.cases.filter(({ kind, id }) => kind === "not-applicable" && id !== "C06");
      expect({ wrong: casesOf(report, "fail", "warn"), unasked }).toEqual({ wrong: [], unasked: [] });
    },
  );
});

/** Starts the careless receiver of the examples, until the running test ends. */
async function carelessReceiver(): Promise<string> {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", "examples/webhooks/careless.ts"], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return `http://127.0.0.1:${/port: (\d+)/.exec(line.toString())![1]}`;
}

test("a careless receiver fails each rule that it breaks, by name", async () => {
  const url = await carelessReceiver();
  const flags = ["--profile", "webhooks", "--secret", secret, "--effects", `${url}/count`, "--pause", "50"];
  const { code, document } = await cliDocument("verify", `${url}/webhooks`, ...flags);
  expect(code).toBe(1);
  const failed = (document as VerifyReport).cases.filter(({ kind }) => kind === "fail").map(({ id }) => id);
  expect(failed).toEqual(
    expect.arrayContaining(["C01", "C02", "W02", "W03", "W09", "W10", "W12", "W13", "W15", "W16", "W18"]),
  );
  expect(JSON.stringify(document)).not.toContain(secret);
});

test("a plan shows signed deliveries, and no secret", async () => {
  const flags = ["--profile", "webhooks", "--secret", secret, "--dry-run", "--only", "W03,R01"];
  const { code, stdout } = await runCli(["verify", "http://127.0.0.1:1/webhooks", ...flags]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /R01 .*\n {2}one after the other:\n {4}POST \/webhooks {2}\(2 times\)\n[^]*webhook-signature: v1,/,
  );
  expect(stdout).not.toContain(secret);
});

test.for<[flags: string[], problem: string]>([
  [["--profile", "webhooks"], "secret must be whsec_ and the base64 of 24 to 64 bytes"],
  [["--profile", "webhooks", "--secret", "whsec_c2hvcnQ="], "secret must be whsec_"],
  [["--secret", secret], 'secret must be left out without profile "webhooks"'],
  [["--profile", "webhooks", "--secret", secret, "--key-header", "x-id"], "keyHeader must be webhook-id"],
])("%s is wrong usage, and shows no secret", async ([flags, problem]) => {
  const { code, stdout, stderr } = await runCli(["verify", "http://127.0.0.1:1/webhooks", ...flags]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(problem);
  expect(stderr).not.toMatch(/YSBzZWNyZXQ|c2hvcnQ/);
});
