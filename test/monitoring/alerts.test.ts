import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
    expect(annotations?.description, alert).toMatch(/\.$/);
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

/** The names of an expression, and the patterns of names. */
function metricsIn(expression: string): string[] {
  const patterns = Array.from(expression.matchAll(/__name__=~"([^"]+)"/g), ([, pattern]) => pattern!);
  const names = expression
    .replaceAll(/"[^"]*"/g, "")
    .match(/\b(?:once_again|messaging)[:_][\w:]*_(?:total|parked|bucket|messages)\b|once_again:[\w:]+/g);
  return [...patterns, ...(names ?? [])];
}

describeWithServer("promtool", promtoolBinary, () => {
  test("finds nothing wrong with the rules", async () => {
    expect(await promtool("check", "rules", file)).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  test("sees each alert fire for its cause, and for nothing else", async () => {
    expect(await promtool("test", "rules", "test/monitoring/alerts.test.yml")).toContain("SUCCESS");
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
