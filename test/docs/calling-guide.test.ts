import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import type { ErrorCode } from "../../packages/once-again/src/core/error-codes.ts";
import { OnceAgainError } from "../../packages/once-again/src/core/errors.ts";
import { errorVerdict, statusVerdict } from "../../packages/once-again/src/delivery/index.ts";
import { errorTable } from "../../packages/once-again/src/delivery/error-table.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startHttpServer } from "../support/http-server.ts";

const guide = readFileSync("docs/guides/calling.md", "utf8");
const rows = guide
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("the guide's table of errors is the library's", () => {
  const start = rows.findIndex(([first]) => first === "what happened") + 2;
  expect(rows.slice(start, start + errorTable.length)).toEqual(
    errorTable.map(({ reason, evidence: { delivery, transient } }) => [reason, delivery, transient ? "yes" : "no"]),
  );
});

test("the guide's table of once-again's own errors is the library's", () => {
  const documented = rows.filter(([codes = ""]) => codes.startsWith("`ONCE_"));
  expect(documented.length).toBeGreaterThan(4);
  for (const [codes = "", delivery, again = ""] of documented) {
    for (const [code = ""] of codes.matchAll(/ONCE_\w+/g)) {
      const details = codes.includes("noEffect") ? { noEffect: true } : {};
      const verdict = errorVerdict(new OnceAgainError(code as ErrorCode, "test", { details }));
      expect([code, verdict.delivery]).toEqual([code, delivery]);
      const isTriedAgain = verdict.transient && verdict.gaveUp !== true;
      expect([code, again.startsWith("yes"), again.includes("gave up")]).toEqual([
        code,
        isTriedAgain,
        verdict.gaveUp === true,
      ]);
    }
  }
});

test("the guide's table of options names all that there are", () => {
  const source = readFileSync("packages/once-again/src/client/fetch-options.ts", "utf8");
  const [, options = ""] = /export interface RetryingFetchOptions \{([^]*?)\n\}/.exec(source) ?? [];
  const names = Array.from(options.matchAll(/^ {2}readonly (\w+)\?/gm), ([, name]) => name);
  const start = rows.findIndex(([first]) => first === "option") + 2;
  const listed = rows
    .slice(start)
    .flatMap(([first = ""]) => Array.from(first.matchAll(/`(\w+)`/g), ([, name]) => name));
  expect(new Set(listed)).toEqual(new Set(names));
});

test("the guide's table of statuses is the library's", () => {
  const start = rows.findIndex(([first]) => first === "status") + 2;
  const documented = rows.slice(start).filter(([statuses]) => /^\d{3}(, \d{3})*$/.test(statuses ?? ""));
  const statuses = documented.flatMap(([statuses = ""]) => statuses.split(", ").map(Number));
  for (const [list = "", delivery, passes = ""] of documented) {
    for (const status of list.split(", ").map(Number)) {
      expect([status, statusVerdict(status)]).toEqual([
        status,
        { delivery, transient: passes.startsWith("yes"), reason: `status ${status}` },
      ]);
    }
  }
  for (let status = 400; status < 600; status += 1) {
    if (!statuses.includes(status)) expect(statusVerdict(status)?.transient, `status ${status}`).toBe(false);
  }
});

test.each([
  ["own-key", /^201 first .*\n201 true .*\n$/],
  ["outcomes", /^answered: 201\n$/],
  ["layers", /^201 \{"order":\{"item":"coffee","amount":420\}\}\n$/],
  ["any-function", /^in stock: 6\n$/],
  ["deadlines", /^201\n400\n$/],
  ["retry-condition", /^201 closed\n\S+ isolated\nisolated ONCE_ATTEMPTS_EXHAUSTED\n$/],
  ["read-body", /^201 \{"order":\{"item":"coffee","amount":420\}\}\n$/],
  ["bodies", /^201\n$/],
  ["undici-fetch", /^201 \{"order":\{"item":"coffee","amount":420\}\}\n$/],
])("examples/guides/%s.ts runs as it stands there", async (name, printed) => {
  const orders = onceNode({ store: memoryStore(), scope: "public" }, async (_request, response, { body }) => {
    const order = body.toString().startsWith("{") ? body.toString() : JSON.stringify(body.toString());
    response.writeHead(201, { "content-type": "application/json" }).end(`{"order":${order}}`);
  });
  const url = await startHttpServer((request, response) => void orders(request, response));
  const child = spawn(process.execPath, ["--conditions=@once-again/source", `examples/guides/${name}.ts`], {
    env: { ...process.env, ORDERS_URL: `${url}/orders` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  expect(await text(child.stdout)).toMatch(printed);
});
