import type { BudgetSettings } from "./policy-options.ts";
import type { JitteredBackoff, PolicySettings } from "./policy-settings.ts";

/** Goes wherever the code is pasted. */
const freeRetries = "// Only to compare: with free retries a busy service may never come back. Leave this line out.";

/** An expression, and what it needs to be imported, by the module it comes from. */
interface Expression {
  readonly text: string;
  readonly imports: ReadonlyArray<readonly [module: string, name: string]>;
}

/** A policy as a program that makes calls by it, to be pasted. */
export function writePolicyCode(policy: PolicySettings): string {
  const { adaptiveThrottle, attemptsMax, attemptTimeoutMs, circuitBreaker, concurrencyLimit, timeoutMs, hedge } =
    policy;
  const backoff = writeBackoff(policy.backoff);
  const budget = writeBudget(policy.budget);
  const layers = [
    ...writeLayer("circuitBreaker", circuitBreaker),
    ...writeLayer("adaptiveThrottle", adaptiveThrottle),
    ...writeLayer("concurrencyLimit", concurrencyLimit),
    ...writeLayer("hedge", hedge, policy.budget.kind === "none" ? [] : ["budget"]),
  ];
  const parameters = hedge !== undefined && policy.budget.kind !== "none" ? "{ budget }" : "";
  const entries = [
    // Without it no POST would be sent again after doubt. It is to be replaced by the origins of the program.
    'keys: ["https://api.example"]',
    `attemptsMax: ${attemptsMax}`,
    `attemptTimeoutMs: ${attemptTimeoutMs}`,
    ...(timeoutMs === undefined ? [] : [`timeoutMs: ${timeoutMs}`]),
    `backoff: ${backoff.text}`,
    ...(policy.budget.kind === "none" ? [freeRetries] : []),
    `budget: ${budget.text}`,
    ...(layers.length === 0
      ? []
      : [
          `layers: (${parameters}) => [\n${indent(
            layers.map(({ text }) => text),
            4,
          )}\n  ]`,
        ]),
  ];
  const imports = [backoff, budget, ...layers].flatMap(({ imports }) => imports);
  const body = `const fetch = retryingFetch({\n${indent(entries, 2)}\n});`;
  return `${writeImports([...imports, ["once-again/client", "retryingFetch"]])}\n\n${body}\n`;
}

function writeBackoff(settings: JitteredBackoff): Expression {
  const name = `${settings.kind}Backoff`;
  if (settings.kind === "decorrelated") {
    const { kind: _kind, ...options } = settings;
    return { text: writeCall(name, options), imports: [["once-again", name]] };
  }
  const { kind: _kind, jitter, jitterRatio, ...numbers } = settings;
  const jitterName = jitter === "none" ? "noJitter" : `${jitter}Jitter`;
  const jitterCall = writeCall(
    jitterName,
    jitter === "bounded" && jitterRatio !== undefined ? { ratio: jitterRatio } : {},
  );
  return {
    text: writeCall(name, numbers, [`jitter: ${jitterCall}`]),
    imports: [
      ["once-again", name],
      ["once-again", jitterName],
    ],
  };
}

function writeBudget({ kind, ...options }: BudgetSettings): Expression {
  if (kind === "none") return { text: '"off"', imports: [] };
  // The default: better than a budget that all origins share.
  if (kind === "success" && Object.keys(options).length === 0) return { text: '"per-origin"', imports: [] };
  return { text: writeCall(`${kind}Budget`, options), imports: [["once-again/budgets", `${kind}Budget`]] };
}

function writeLayer(name: string, options: object | undefined, more: readonly string[] = []): Expression[] {
  if (options === undefined) return [];
  return [{ text: writeCall(name, options, more), imports: [["once-again/layers", name]] }];
}

/** `name({ a: 1, b: "c" })`; `more` are entries that are no data. */
function writeCall(name: string, options: object, more: readonly string[] = []): string {
  const entries = [...writeEntries(options), ...more];
  return entries.length === 0 ? `${name}()` : `${name}({ ${entries.join(", ")} })`;
}

function writeEntries(options: object): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${writeLiteral(value)}`);
}

function writeLiteral(value: unknown): string {
  return typeof value === "object" && value !== null ? `{ ${writeEntries(value).join(", ")} }` : JSON.stringify(value);
}

function writeImports(imports: ReadonlyArray<readonly [module: string, name: string]>): string {
  const modules = Map.groupBy(imports, ([module]) => module);
  return [...modules]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([module, names]) => {
      const sorted = [...new Set(names.map(([, name]) => name))].toSorted();
      return `import { ${sorted.join(", ")} } from "${module}";`;
    })
    .join("\n");
}

const indent = (lines: readonly string[], by: number): string =>
  lines.map((line) => `${" ".repeat(by)}${line}${line === freeRetries ? "" : ","}`).join("\n");
