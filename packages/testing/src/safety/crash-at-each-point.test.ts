import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { crashAtEachPoint } from "./crash-at-each-point.ts";
import { crashPoint } from "./crash-point.ts";
import type { SafetyReport } from "./report.ts";

// Each test starts up to nine processes, one after the other.
const program = fileURLToPath(new URL("../../../../test/crash-points/charges-child.ts", import.meta.url));

/** Kills a server that charges in one of its ways at each of its crash points. */
async function crashed(way: string): Promise<readonly SafetyReport[]> {
  const folder = temporaryFolder();
  const database = new DatabaseSync(join(folder, "app.db"));
  onTestFinished(() => database.close());
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE orders (item TEXT NOT NULL) STRICT");
  const rows = database.prepare("SELECT count(*) AS total FROM orders");
  const charges = () => readdirSync(folder).filter((name) => name.startsWith("charge-")).length;
  return crashAtEachPoint({
    command: [process.execPath, program, way, folder],
    body: '{"amount":420}',
    effects: () => charges() + Number(rows.get()!["total"]),
  });
}

const brief = (reports: readonly SafetyReport[]) =>
  reports.map(({ name, effects, verdict }) => [name, effects, verdict]);

test("a handler that is held after a crash charges once at most, and says so", async () => {
  const reports = await crashed("hold");
  expect(brief(reports)).toEqual([
    ["asked", 0, "held"],
    ["charged", 1, "held"],
  ]);
  expect(reports[0]!.answers.at(-1)).toContain("ONCE_OUTCOME_UNKNOWN");
});

test("one in a transaction is charged once, wherever it dies", async () => {
  expect(brief(await crashed("transactional"))).toEqual([
    ["asked", 1, "safe"],
    ["inserted", 1, "safe"],
  ]);
});

test("so is one in steps", async () => {
  expect(brief(await crashed("steps"))).toEqual(
    ["asked", "charged", "charge stored", "noted"].map((point) => [point, 1, "safe"]),
  );
});

test("one that runs again charges twice when it dies after the charge, and the story says so", async () => {
  const error: unknown = await crashed("rerun").catch((error: unknown) => error);
  expect(error).toMatchObject({
    code: "ONCE_HANDLER_UNSAFE",
    message:
      "It is not safe to send again: 1 of 2 trials broke it.\n\n" +
      "  safe    asked: 1 effect\n" +
      "  BROKEN  charged: 2 effects\n" +
      '          The process died at "charged" and was started again, and the caller asked on.\n' +
      "          It happened 2 times.\n" +
      "          The caller saw: 200 charged",
  });
});

test("a handler without crash points, and a server that does not start, prove nothing", async () => {
  await expect(crashed("without points")).rejects.toMatchObject({
    code: "ONCE_TARGET_UNFIT",
    message: expect.stringContaining("crashPoint(name)"),
  });
  const unfit = (command: readonly string[]) =>
    expect(crashAtEachPoint({ command, effects: () => 0 })).rejects.toMatchObject({ code: "ONCE_TARGET_UNFIT" });
  await unfit([process.execPath, "--eval", "process.exit(1)"]);
  await unfit(["/no/such/program"]);
});

test("a crash point does nothing where no test asks for it", async () => {
  await expect(crashPoint("charged")).resolves.toBeUndefined();
});
