import { schedule } from "node-cron";
import { OnceAgainError } from "once-again";
import { onceFunction } from "once-again/function";
import { sqliteStore } from "once-again/stores/sqlite";
import { DatabaseSync } from "node:sqlite";

const path = process.env["REPORTS_DB"] ?? "reports.db";
// Two programs that start at once wait for each other.
const database = new DatabaseSync(path, { timeout: 5000 });
database.exec("CREATE TABLE IF NOT EXISTS reports (time TEXT NOT NULL, process INTEGER NOT NULL) STRICT");

// Start this program as often as you like: the time for which it is scheduled is the key, so one of them makes the report.
const report = onceFunction(
  { mode: "transactional", store: sqliteStore({ path }), scope: "report", key: (time: string) => time, waitMs: 5000 },
  async ({ transaction }, time) => {
    transaction.prepare("INSERT INTO reports VALUES (?, ?)").run(time, process.pid);
    return { by: process.pid };
  },
);

// The scheduled time, not the time at which it is called: that is another one in each process.
schedule(process.env["SCHEDULE"] ?? "0 4 * * *", async ({ date }) => {
  try {
    const { by } = await report(date.toISOString());
    console.log(date.toISOString(), by === process.pid ? "made" : "was made by another process");
  } catch (error) {
    if (!OnceAgainError.isInstance(error, "ONCE_IN_PROGRESS")) throw error;
    console.log(date.toISOString(), "is being made by another process");
  }
});
console.log("ready");
