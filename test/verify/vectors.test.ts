import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import { errorVerdict } from "../../packages/once-again/src/delivery/error-verdict.ts";
import { statusVerdict } from "../../packages/once-again/src/delivery/status-verdict.ts";
import { waitHint } from "../../packages/once-again/src/delivery/wait-hint.ts";
import { deriveKey, fingerprint, formatKey, parseKey } from "../../packages/once-again/src/key/index.ts";
import {
  type Backoff,
  decorrelatedBackoff,
  exponentialBackoff,
  fibonacciBackoff,
  linearBackoff,
} from "../../packages/once-again/src/retry/backoff.ts";
import { awsBudget } from "../../packages/once-again/src/retry/budgets/aws-budget.ts";
import { finagleBudget } from "../../packages/once-again/src/retry/budgets/finagle-budget.ts";
import { grpcBudget } from "../../packages/once-again/src/retry/budgets/grpc-budget.ts";
import { boundedJitter, equalJitter, fullJitter, noJitter } from "../../packages/once-again/src/retry/jitter.ts";
import type { FailureKind } from "../../packages/once-again/src/retry/budgets/budget.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";

const folder = "conformance/vectors/";

const parse = (file: string): unknown => JSON.parse(readFileSync(folder + file, "utf8"));

const read = <Vector>(name: string) =>
  (parse(`${name}.json`) as { vectors: readonly (Vector & { name: string })[] }).vectors;

const files = readdirSync(folder).filter((file) => file !== "vectors.schema.json");

test.for(files)("%s fits its schema, and each vector has another name", (file) => {
  const validate = new Ajv2020().compile(parse("vectors.schema.json") as object);
  expect(validate(parse(file)) ? [] : validate.errors).toEqual([]);
  const { vectors } = parse(file) as { vectors: readonly { name: string }[] };
  expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
});

describe("fingerprints", () => {
  interface Vector {
    readonly method: string;
    readonly path: string;
    readonly query: string;
    readonly contentType: string;
    readonly body?: string;
    readonly bodyBase64?: string;
    readonly sha256: string;
    readonly same?: string;
  }
  const vectors = read<Vector>("fingerprints");

  test.for(vectors)("$name", async ({ bodyBase64, body = "", sha256, method, path, query, contentType }) => {
    const bytes = bodyBase64 === undefined ? Buffer.from(body) : Buffer.from(bodyBase64, "base64");
    const request = { method, path, query, contentType, body: new Uint8Array(bytes) };
    expect(await fingerprint(request)).toBe(sha256);
  });

  test("those that are the same request have one, and all others differ", () => {
    const byName = new Map(vectors.map((vector) => [vector.name, vector]));
    const wrong = vectors.filter(({ same, sha256 }) => same !== undefined && byName.get(same)?.sha256 !== sha256);
    expect(wrong).toEqual([]);
    const others = vectors.filter(({ same }) => same === undefined).map(({ sha256 }) => sha256);
    expect(new Set(others).size).toBe(others.length);
  });
});

interface KeyVector {
  readonly values: readonly string[];
  readonly kind: string;
  readonly key?: string;
  readonly structured?: string;
}

test.for(read<KeyVector>("keys"))("key header $name", ({ values, kind, key, structured }) => {
  expect(parseKey(values)).toMatchObject({ kind, ...(key !== undefined && { key }) });
  if (structured !== undefined) expect(formatKey(key!, "structured")).toBe(structured);
});

interface DerivedVector {
  readonly secretBase64: string;
  readonly scope: string;
  readonly key: string;
  readonly step: string;
  readonly occurrence?: number;
  readonly derived: string;
}

test.for(read<DerivedVector>("derived-keys"))("derived key $name", async (vector) => {
  const { secretBase64, derived, step, scope, key, occurrence } = vector;
  const secret = new Uint8Array(Buffer.from(secretBase64, "base64"));
  expect(await deriveKey(secret, { scope, key, name: step, occurrence })).toBe(derived);
});

interface BackoffVector {
  readonly law: "exponential" | "linear" | "fibonacci" | "decorrelated";
  readonly jitter?: "full" | "equal" | "none" | "bounded";
  readonly baseMs: number;
  readonly capMs: number;
  readonly factor?: number;
  readonly ratio?: number;
  readonly random: readonly number[];
  readonly delaysMs: readonly number[];
}

function backoffOf({ law, jitter = "none", baseMs, capMs, factor, ratio }: BackoffVector): Backoff {
  const range = { baseMs, capMs };
  if (law === "decorrelated") return decorrelatedBackoff(range);
  const jitters = { full: fullJitter, equal: equalJitter, none: noJitter, bounded: () => boundedJitter({ ratio }) };
  const options = { ...range, jitter: jitters[jitter]() };
  if (law === "exponential") return exponentialBackoff({ ...options, factor });
  return law === "linear" ? linearBackoff(options) : fibonacciBackoff(options);
}

test.for(read<BackoffVector>("backoff"))("backoff $name", (vector) => {
  const backoff = backoffOf(vector);
  let previousDelayMs = 0;
  const delays = vector.random.map((chance, index) => {
    previousDelayMs = backoff({ retry: index + 1, previousDelayMs, random: () => chance });
    return previousDelayMs;
  });
  expect(delays).toEqual(vector.delaysMs);
});

interface BudgetVector {
  readonly budget: "grpc" | "aws" | "finagle";
  readonly options: object;
  readonly steps: readonly {
    readonly at?: number;
    readonly request?: number;
    readonly success?: number;
    readonly retry?: number;
    readonly allowed?: number;
    readonly kind?: FailureKind;
  }[];
}

test.for(read<BudgetVector>("budgets"))("budget $name", ({ budget: kind, options, steps }) => {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now } as Clock;
  const makers = {
    grpc: () => grpcBudget(options),
    aws: () => awsBudget(options),
    finagle: () => finagleBudget({ ...options, clock }),
  };
  const budget = makers[kind]();
  for (const step of steps) {
    now = step.at ?? now;
    for (let at = 0; at < (step.request ?? 0); at += 1) budget.onRequest?.();
    for (let at = 0; at < (step.success ?? 0); at += 1) budget.onSuccess(step.kind);
    const tries = Array.from({ length: step.retry ?? 0 }, () => {
      budget.onFailure?.();
      return budget.tryTake(step.kind);
    });
    expect(tries.filter(Boolean)).toHaveLength(step.allowed ?? 0);
  }
});

interface WaitVector {
  readonly nowMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly waitMs: number | null;
}

test.for(read<WaitVector>("waits"))("wait $name", ({ nowMs, headers, status, waitMs }) => {
  expect(waitHint(new Headers(headers), nowMs, status) ?? null).toBe(waitMs);
});

interface ErrorVector {
  readonly message?: string;
  readonly cause?: ErrorVector;
  readonly errors?: readonly ErrorVector[];
}

interface FailureVector {
  readonly error?: ErrorVector;
  readonly status?: number;
  readonly retryAfter?: boolean;
  readonly delivery: string | null;
  readonly transient: boolean | null;
}

const makeError = ({ cause, errors, message = "", ...members }: ErrorVector): Error =>
  Object.assign(new Error(message), members, {
    ...(cause && { cause: makeError(cause) }),
    ...(errors && { errors: errors.map(makeError) }),
  });

test.for(read<FailureVector>("failures"))("failure $name", ({ error, status, retryAfter, delivery, transient }) => {
  const verdict = error === undefined ? statusVerdict(status!, retryAfter) : errorVerdict(makeError(error));
  expect([verdict?.delivery ?? null, verdict?.transient ?? null]).toEqual([delivery, transient]);
});

describeWithServer("Python's standard library", { name: "python3", install: "apt-get install -y python3" }, () => {
  test("computes the same", async () => {
    const { stdout } = await promisify(execFile)("python3", ["conformance/check_vectors.py"]);
    const checked = Array.from(stdout.matchAll(/: (\d+) checked/g), ([, count]) => Number(count));
    expect(checked).toHaveLength(files.length);
    expect(Math.min(...checked)).toBeGreaterThan(5);
  });
});
