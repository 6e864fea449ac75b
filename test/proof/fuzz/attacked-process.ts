import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A process under attack. One that dies has a successor. */
export interface AttackedProcess extends AsyncDisposable {
  /** The line by which the process that runs now announced itself. */
  readonly announced: string;
  /** How often it died, or one of its workers. */
  readonly deaths: number;
  /** How many of them were Node's own: it aborts itself when a session of HTTP/2 is freed with memory that it counts as taken. */
  readonly nativeAborts: number;
  /** The end of what the last one said on stderr before it died. */
  readonly lastWords: string;
  /** Of all processes so far, with their workers: the longest turn of an event loop in processor time, and the most memory. */
  observed(): { readonly turnMs: number; readonly memoryMiB: number };
  /** Starts a successor, if it died. */
  revive(): Promise<void>;
}

const observer = fileURLToPath(new URL("observe-child.ts", import.meta.url));

/** The assertion of Node's destructor of a session. No other death is taken for it. */
const nativeAbort = /Http2Session::~Http2Session[^]*current_nghttp2_memory_/;

/** The line in which a first process reports the death of a worker. */
const workerDeath = /The worker \d+ died \((.*)\)/;

/** @param announces what it prints when it serves; the first group is `announced`. */
export async function startAttacked(args: readonly string[], announces: RegExp): Promise<AttackedProcess> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-fuzz-"));
  const state = { announced: "", deaths: 0, nativeAborts: 0, lastWords: "" };
  let child: ChildProcess | undefined;
  let isRunning = false;
  const countDeath = (reason: string, said: string): void => {
    state.deaths += 1;
    state.lastWords = `${reason}: ${said}`;
    if (reason === "SIGABRT" && nativeAbort.test(said)) state.nativeAborts += 1;
  };
  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, ["--conditions=@once-again/source", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        FUZZ_OBSERVATIONS: folder,
        NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --disable-warning=ExperimentalWarning --import=${observer}`,
      },
    });
    child = started;
    let [printed, said] = ["", ""];
    createInterface({ input: started.stderr }).on("line", (line) => {
      said = `${said}${line}\n`.slice(-4000);
      const [, reason] = workerDeath.exec(line) ?? [];
      if (reason === undefined) return;
      countDeath(reason, said);
      said = "";
    });
    const announced = Promise.withResolvers<void>();
    started.once("exit", (code, signal) => {
      isRunning = false;
      if (child !== started) return;
      countDeath(signal ?? `exit code ${code}`, said);
      announced.reject(new Error(`It ended with ${state.lastWords}`));
    });
    started.stdout.on("data", (chunk) => {
      printed = (printed + String(chunk)).slice(-10_000);
      const [, found] = announces.exec(printed) ?? [];
      if (found === undefined) return;
      state.announced = found;
      announced.resolve();
    });
    await announced.promise;
    isRunning = true;
  };
  await start();
  return {
    get announced() {
      return state.announced;
    },
    get deaths() {
      return state.deaths;
    },
    get nativeAborts() {
      return state.nativeAborts;
    },
    get lastWords() {
      return state.lastWords;
    },
    async revive() {
      if (!isRunning) await start();
    },
    observed() {
      const all = readdirSync(folder)
        .filter((name) => name.endsWith(".json"))
        .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as { turnMs: number; memoryMiB: number });
      return {
        turnMs: Math.max(0, ...all.map(({ turnMs }) => turnMs)),
        memoryMiB: Math.max(0, ...all.map(({ memoryMiB }) => memoryMiB)),
      };
    },
    async [Symbol.asyncDispose]() {
      const ending = child;
      child = undefined;
      if (ending !== undefined && ending.exitCode === null && ending.signalCode === null) {
        const exit = new Promise((resolve) => ending.once("exit", resolve));
        ending.kill("SIGKILL");
        await exit;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
