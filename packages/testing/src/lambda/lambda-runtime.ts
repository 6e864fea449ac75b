import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { OnceAgainError } from "once-again";
import { http } from "../node-http.ts";

const { process } = globalThis;

/** A function, and how Lambda would run it. */
export interface LambdaRuntimeOptions {
  /** The path of the module that has the handler. */
  readonly file: string;
  /** The name that it exports; default `handler`. */
  readonly name?: string | undefined;
  /** How long one event may take, milliseconds, from 100 to 900,000; default 3000, as Lambda's. Then its process is killed. */
  readonly timeoutMs?: number | undefined;
  /** More variables of its environment, beside ours. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** How an event ended. */
export type LambdaOutcome =
  | { readonly kind: "answered"; readonly answer: unknown }
  /** The handler threw, or its module could not be loaded. */
  | { readonly kind: "failed"; readonly errorType: string; readonly errorMessage: string }
  /** Its process was killed when its time was over. */
  | { readonly kind: "timed-out" }
  /** Its process ended in the middle of it. */
  | { readonly kind: "exited" };

/** A function of Lambda on this machine. */
export interface LambdaRuntime extends AsyncDisposable {
  /**
   * Hands an event over, as JSON, and resolves with how it ended. A process has one event at a time; for one that comes
   * meanwhile another process is started, as Lambda does it. It never hands over again by itself, as Lambda does: call it again.
   */
  invoke(event: unknown): Promise<LambdaOutcome>;
  /** Kills all processes (SIGKILL), in the middle of whatever they do. The next event starts another one. */
  kill(): void;
  /** Stands all processes that have an event still (SIGSTOP), as a machine does that is paused. Their time goes on. */
  freeze(): void;
  /** Lets them go on. */
  thaw(): void;
}

/**
 * Runs a handler of AWS Lambda in separate processes, by the API that Lambda's runtimes speak: its events have a time-out,
 * a process stands still between two events, and you may kill it in the middle of one. So you see what an interrupted function
 * leaves behind.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * await using lambda = await lambdaRuntime({ file: "charge.ts", timeoutMs: 1000 });
 * const charging = lambda.invoke({ orderId: "order-7" });
 * lambda.kill();
 * console.log((await charging).kind); // exited
 * console.log(await lambda.invoke({ orderId: "order-7" })); // what a repeat finds
 * ```
 */
export async function lambdaRuntime(options: LambdaRuntimeOptions): Promise<LambdaRuntime> {
  const { timeoutMs = 3000, file } = options;
  if (typeof file !== "string" || file === "") throw invalid("file", "the path of the handler's module", file);
  if (!(timeoutMs >= 100 && timeoutMs <= 900_000))
    throw invalid("timeoutMs", "a number from 100 to 900,000", timeoutMs);
  const environments = new Map<string, Environment>();
  const server = http().createServer((request, response) => {
    const [, id = "", , , ...path] = (request.url ?? "").split("/");
    const environment = environments.get(id);
    if (environment === undefined) return void response.writeHead(404).end();
    environment.answer(path.join("/"), request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const start = (): Environment => {
    const id = randomUUID();
    const environment = new Environment({ ...options, timeoutMs }, `127.0.0.1:${port}/${id}`, () =>
      environments.delete(id),
    );
    environments.set(id, environment);
    return environment;
  };
  const each = (act: (environment: Environment) => void): void => [...environments.values()].forEach(act);
  const killAll = (): void => each((environment) => environment.kill());
  process.once("exit", killAll);
  return {
    invoke(event) {
      const idle = [...environments.values()].find((environment) => environment.isIdle);
      return (idle ?? start()).invoke(event);
    },
    kill: killAll,
    freeze: () => each((environment) => environment.signal("SIGSTOP")),
    thaw: () => each((environment) => environment.signal("SIGCONT")),
    async [Symbol.asyncDispose]() {
      process.removeListener("exit", killAll);
      const ended = [...environments.values()].map((environment) => environment.ended);
      killAll();
      await Promise.all(ended);
      server.closeAllConnections();
      server.close();
    },
  };
}

function invalid(option: string, expected: string, given: unknown): OnceAgainError {
  const message = `lambdaRuntime: ${option} must be ${expected}, but it is ${String(given)}.`;
  return new OnceAgainError("ONCE_OPTION_INVALID", message, { details: { option } });
}

/** An event that a process has, or is to have. */
interface Invocation {
  readonly id: string;
  readonly event: unknown;
  readonly end: (outcome: LambdaOutcome) => void;
}

/** How long a process may take to load its handler, milliseconds, as Lambda has it. */
const initMsMax = 10_000;

/** The program of a process: beside this file, or the bundle that it is part of, with its ending. */
const bootstrap = fileURLToPath(import.meta.url.replace(/(?<=\/)[^/]+(?=\.\w+$)/, "lambda-bootstrap"));

/** One process, with one event at a time. */
class Environment {
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  #invocation: Invocation | undefined;
  /** The response to its question for the next event, while it waits. */
  #asking: ServerResponse | undefined;
  #isOver = false;
  /** How its last event ends when the process is gone. */
  #lastOutcome: LambdaOutcome = { kind: "exited" };
  #timer: NodeJS.Timeout | undefined;

  constructor(
    { file, name = "handler", timeoutMs, environment }: LambdaRuntimeOptions & { timeoutMs: number },
    api: string,
    onEnd: () => void,
  ) {
    this.#timeoutMs = timeoutMs;
    this.#child = spawn(process.execPath, [...process.execArgv, bootstrap, file, name], {
      env: { ...process.env, ...environment, AWS_LAMBDA_RUNTIME_API: api },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    const end = (): void => {
      this.#isOver = true;
      onEnd();
      this.#end(this.#lastOutcome);
      resolve();
    };
    this.#child.once("exit", end);
    this.#child.once("error", end);
    this.#killAfter(initMsMax);
  }

  /** Whether it waits for an event. */
  get isIdle(): boolean {
    return !this.#isOver && this.#invocation === undefined;
  }

  invoke(event: unknown): Promise<LambdaOutcome> {
    const { promise, resolve } = Promise.withResolvers<LambdaOutcome>();
    this.#invocation = { id: randomUUID(), event, end: resolve };
    if (this.#asking !== undefined) this.#handOver(this.#asking);
    return promise;
  }

  kill(): void {
    this.#isOver = true;
    this.#child.kill("SIGKILL");
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (this.#invocation !== undefined) this.#child.kill(signal);
  }

  /** Answers a request of the process. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (path === "invocation/next") {
      if (this.#invocation !== undefined) return this.#handOver(response);
      this.#asking = response;
      clearTimeout(this.#timer);
      // Between two events a process does not run.
      return void this.#child.kill("SIGSTOP");
    }
    const body: unknown = await json(request);
    response.writeHead(202).end();
    // It ends by itself, and takes no event meanwhile.
    if (path === "init/error") this.#isOver = true;
    if (path.endsWith("/response")) this.#end({ kind: "answered", answer: body });
    else this.#end({ kind: "failed", ...(body as { errorType: string; errorMessage: string }) });
  }

  #handOver(response: ServerResponse): void {
    const { id, event } = this.#invocation!;
    this.#asking = undefined;
    this.#child.kill("SIGCONT");
    this.#killAfter(this.#timeoutMs);
    const headers = {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": id,
      "lambda-runtime-deadline-ms": String(Date.now() + this.#timeoutMs),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:123456789012:function:function",
    };
    response.writeHead(200, headers).end(JSON.stringify(event) ?? "null");
  }

  #killAfter(msMax: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#lastOutcome = { kind: "timed-out" };
      this.kill();
    }, msMax);
  }

  #end(outcome: LambdaOutcome): void {
    clearTimeout(this.#timer);
    const invocation = this.#invocation;
    this.#invocation = undefined;
    invocation?.end(outcome);
  }
}
