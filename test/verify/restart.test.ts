import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { httpFaults, rightHttpServers } from "../../conformance/faults/faults.ts";
import { verify } from "../../packages/tools/src/verify/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { python3, type Report, runPython } from "./run-python.ts";
import { verifyModel } from "./verify-model.ts";

const inMemory = httpFaults.find(({ name }) => name === "keys-in-memory")!;

test.for([
  ["its keys in its memory", inMemory.open, "fail"],
  ["its keys on disk", rightHttpServers.draft, "pass"],
] as const)("a server is killed and started again with %s", async ([, open, kind]) => {
  const { cases } = await verifyModel(open(), { only: ["R18"], timeoutMs: 30_000 });
  expect(cases).toMatchObject([{ id: "R18", kind }]);
});

describeWithServer("the server that is written from the page alone", python3, () => {
  test("passes every case, by the draft as by practice, a restart among them, in both runners", async () => {
    const port = await serverPort();
    const program = ["conformance/servers/page.py", String(port), join(temporaryFolder(), "page.db")];
    const pidFile = join(temporaryFolder(), "pid");
    const start = `python3 ${program.join(" ")} > /dev/null 2>&1 & echo $! > ${pidFile}`;
    const child = spawn("python3", program, { stdio: ["ignore", "pipe", "ignore"] });
    await once(createInterface(child.stdout), "line");
    onTestFinished(() => void spawn("sh", ["-c", `kill -9 $(cat ${pidFile})`]));
    const restart = `kill -9 $(cat ${pidFile} 2> /dev/null || echo ${child.pid}); sleep 0.1; ${start}`;
    const origin = `http://127.0.0.1:${port}`;
    const own: Report = await verify({
      url: `${origin}/orders`,
      effects: { url: `${origin}/effects` },
      headers: [["Authorization", "acme"]],
      otherHeaders: [["Authorization", "other"]],
      renewedHeaders: [["Authorization", "acme renewed"]],
      longerHeaders: [["Authorization", "acme1"]],
      body: '{"item":"tea","reference":"{{unique}}"}',
      refusedBody: "{",
      failingBody: '{"fail":true}',
      pauseMs: 60,
      memory: 110,
      restart,
    });
    const other = await runPython(
      ...[`${origin}/orders`, "--json", "--strictness", "draft", "--effects", `${origin}/effects`],
      ...[
        "--body",
        '{"item":"tea","reference":"{{unique}}"}',
        "--refused-body",
        "{",
        "--failing-body",
        '{"fail":true}',
      ],
      ...[
        "--header",
        "Authorization: acme",
        "--other-header",
        "Authorization: other",
        "--pause",
        "60",
        "--memory",
        "110",
      ],
      ...["--renewed-header", "Authorization: acme renewed", "--longer-header", "Authorization: acme1"],
      ...["--restart", restart],
    );
    // It sets no cookies, no header twice, and needs keys; its duplicates may not have met a running order.
    const left = ["C05", "C06", "R07", "R08", "R16"];
    for (const { cases } of [own, other])
      expect(
        cases.filter(({ id, kind }) => kind !== "pass" && !(kind === "not-applicable" && left.includes(id))),
      ).toEqual([]);
  });
});
