import { readFileSync } from "node:fs";
import process from "node:process";
import { Argument, Command } from "commander";

const files = { dashboard: "dashboard.json", alerts: "alerts.yml" } as const;

/** `once-again monitoring` */
export function monitoringCommand(): Command {
  return new Command("monitoring")
    .description(
      "Prints a dashboard for Grafana, or alert rules for Prometheus, of the metrics of once-again/opentelemetry and of the " +
        "gateway.",
    )
    .addArgument(new Argument("<what>", "which of the two").choices(Object.keys(files)))
    .addHelpText(
      "after",
      `
Example:
  $ once-again monitoring dashboard > once-again.json   # Grafana: Dashboards, New, Import
  $ once-again monitoring alerts > once-again.yml       # Prometheus: rule_files: [once-again.yml]

Each alert has a page that says what to look at and what to type, its runbook_url. The metrics:
https://github.com/once-again-js/once-again/blob/main/docs/guides/observing.md#metrics

Exit codes: 0 fine, 2 wrong usage.`,
    )
    .action((what: keyof typeof files) => {
      process.stdout.write(readFileSync(new URL(`../../monitoring/${files[what]}`, import.meta.url)));
    });
}
