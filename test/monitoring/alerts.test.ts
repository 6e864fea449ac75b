import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { promtoolBinary } from "../support/servers/prometheus.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { prometheusNames } from "./prometheus-names.ts";

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: Readonly<Record<"summary" | "description" | "runbook_url", string>>;
}

const file = "packages/tools/monitoring/alerts.yml";
const text = readFileSync(file, "utf8");
const { rules } = (parse(text) as { groups: [{ rules: Rule[] }] }).groups[0];
const alerts = rules.filter((rule) => rule.alert !== undefined);

const promtool = async (...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)("promtool", args);
  return stdout;
};

test("each alert says how bad it is, what is wrong, and which page says what to do", () => {
  for (const { alert, labels, annotations } of alerts) {
    expect(labels?.severity, alert).toMatch(/^(warning|critical)$/);
    expect(annotations?.summary, alert).toMatch(/\.$/);
    expect(annotations?.description, alert).toMatch(/\.(\{\{ end \}\})?$/);
    expect(annotations?.runbook_url, alert).toBe(
      `https://github.com/once-again-js/once-again/blob/main/docs/runbooks/${alert}.md`,
    );
    expect(existsSync(`docs/runbooks/${alert}.md`), alert).toBe(true);
  }
});

test("each page is that of an alert, is in the list of all, and says what to look at and what to do", () => {
  const pages = readdirSync("docs/runbooks").filter((page) => page !== "README.md");
  expect(pages.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
  const list = readFileSync("docs/runbooks/README.md", "utf8");
  for (const page of pages) {
    const runbook = readFileSync(`docs/runbooks/${page}`, "utf8");
    expect(list, page).toContain(`(${page})`);
    expect(runbook, page).toMatch(/## Find the cause\n[^]+\n## Act\n/);
    expect(runbook, page).toMatch(/^(once-again |curl )/m);
  }
});

test("rules read metrics that are emitted, and what they record themselves", () => {
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const known = prometheusNames();
  for (const { alert, record, expr } of rules) {
    const names = metricsIn(expr);
    expect(names, alert ?? record).not.toEqual([]);
    for (const name of names) {
      const isKnown = recorded.includes(name) || known.some((metric) => new RegExp(`^(?:${name})$`).test(metric));
      expect(isKnown, `${alert ?? record}: ${name}`).toBe(true);
    }
  }
});

interface RuleTests {
  readonly tests: readonly RuleTest[];
}

/** A case of `promtool test rules`. */
interface RuleTest {
  readonly name: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test?: readonly { readonly eval_time: string }[];
  readonly promql_expr_test?: readonly { readonly eval_time: string }[];
}

const minutesOf = (time: string): number => Number(/^\d+/.exec(time)![0]) * (time.endsWith("h") ? 60 : 1);

/** Minutes after the death: of those by events some last ten minutes, in which people have the page. */
const minutesAfter = Array.from({ length: 9 }, (_, index) => index + 1);

/**
 * The same series, which all end at the time of an expectation, for each of them; and the expectation that each job with an alert then
 * has one still.
 */
function dieWhileFiring({ name, input_series, alert_rule_test = [], promql_expr_test = [] }: RuleTest): object[] {
  const times = new Set([...promql_expr_test, ...alert_rule_test].map(({ eval_time }) => minutesOf(eval_time)));
  const firing = 'count by (job) (ALERTS{alertstate="firing"}';
  return [...times].map((diedAt) => ({
    name: `${name}, and its processes die after ${diedAt} minutes`,
    interval: "1m",
    input_series: input_series.map(({ series, values }) => ({ series, values: cutOff(values, diedAt) })),
    promql_expr_test: minutesAfter.map((minutes) => ({
      expr: `${firing} @ ${60 * diedAt}) unless ${firing})`,
      eval_time: `${diedAt + minutes}m`,
      exp_samples: [],
    })),
  }));
}

/** The values of a series up to a minute, and nothing after it. */
function cutOff(values: string, minute: number): string {
  const all = values.split(" ").flatMap((part) => {
    const [, first, sign, step, count] = /^(-?\d+|_|stale)(?:([+-])(\d+))?(?:x(\d+))?$/.exec(part)!;
    if (count === undefined) return [first!];
    const by = Number(`${sign ?? "+"}${step ?? 0}`);
    if (first === "_") return Array.from({ length: Number(count) }, () => "_");
    return Array.from({ length: Number(count) + 1 }, (_, index) => String(Number(first) + index * by));
  });
  return [...all.slice(0, minute + 1), "stale", "_x30"].join(" ");
}

/** The names of an expression, and the patterns of names. */
function metricsIn(expression: string): string[] {
  const patterns = Array.from(expression.matchAll(/__name__=~"([^"]+)"/g), ([, pattern]) => pattern!);
  const names = expression
    .replaceAll(/"[^"]*"/g, "")
    .match(/\b(?:once_again|messaging)[:_][\w:]*_(?:total|parked|unconfirmed|bucket|messages)\b|once_again:[\w:]+/g);
  return [...patterns, ...(names ?? [])];
}

describeWithServer("promtool", promtoolBinary, () => {
  test("finds nothing wrong with the rules", async () => {
    expect(await promtool("check", "rules", file)).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  test("sees each alert fire for its cause, and for nothing else", async () => {
    expect(await promtool("test", "rules", "test/monitoring/alerts.test.yml")).toContain("SUCCESS");
  });

  test("sees that no alert ends when the process dies that reports what it goes by", async () => {
    const folder = temporaryFolder();
    // As texts: values such as 0x120 are numbers to YAML.
    const cases = readFileSync("test/monitoring/alerts.test.yml", "utf8");
    const { tests, ...head } = parse(cases, { schema: "failsafe" }) as RuleTests;
    const dying = tests.flatMap((one) => dieWhileFiring(one));
    const fired = new Set(tests.flatMap((one) => JSON.stringify(one).match(/OnceAgain\w+/g) ?? []));
    expect([...fired].toSorted()).toEqual(alerts.map(({ alert }) => alert!).toSorted());
    const path = join(folder, "dying.yml");
    writeFileSync(path, JSON.stringify({ ...head, rule_files: [resolve(file)], tests: dying }));
    expect(await promtool("test", "rules", path)).toContain("SUCCESS");
  });

  test.each(alerts.map(({ alert }) => alert!))("would see that %s does not fire", async (alert) => {
    const folder = temporaryFolder();
    const silenced = parse(text) as { groups: [{ rules: { alert?: string; expr: string }[] }] };
    for (const rule of silenced.groups[0].rules) if (rule.alert === alert) rule.expr = "vector(0) > 1";
    writeFileSync(join(folder, "alerts.yml"), JSON.stringify(silenced));
    const cases = readFileSync("test/monitoring/alerts.test.yml", "utf8").replace(
      /^ {2}- .*alerts\.yml$/m,
      "  - alerts.yml",
    );
    writeFileSync(join(folder, "cases.yml"), cases);
    await expect(promtool("test", "rules", join(folder, "cases.yml"))).rejects.toThrow(/FAILED/);
  });
});
