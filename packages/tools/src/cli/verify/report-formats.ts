import { accessSync, constants, existsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Command, Option } from "commander";
import { formatHtml, formatJunit, formatTap, makeBadge, type VerifyReport } from "../../verify/index.ts";
import { jsonDocument } from "./judge-cases.ts";

/** How a report is printed, and where its badge goes. */
export interface FormatFlags {
  readonly format: "text" | "json" | "junit" | "tap" | "html";
  readonly badge?: string;
  readonly dryRun?: boolean;
}

/** Adds the options of reports to a command. */
export function addFormats(command: Command): Command {
  return command
    .option("--dry-run", "print what would be sent, and send nothing")
    .addOption(
      new Option("--format <kind>", "of the report; html is one page with nothing beside it")
        .choices(["text", "json", "junit", "tap", "html"])
        .default("text"),
    )
    .addOption(
      new Option("--json", "the same as --format json").conflicts(["junit", "tap"]).implies({ format: "json" }),
    )
    .addOption(
      new Option("--junit", "the same as --format junit").conflicts(["tap", "dryRun"]).implies({ format: "junit" }),
    )
    .addOption(new Option("--tap", "the same as --format tap").conflicts("dryRun").implies({ format: "tap" }))
    .addOption(
      new Option(
        "--badge <file>",
        "write a badge there: JSON as shields.io reads it, with suite, profile and date",
      ).conflicts("dryRun"),
    );
}

type Report = Pick<VerifyReport, "cases" | "timeMs"> & { readonly profile: string };

/** The report in its format; writes the badge, if there is to be one. */
export function present<One extends Report>(
  report: One,
  named: Pick<VerifyReport, "method" | "url">,
  { format, badge }: FormatFlags,
  formatText: (report: One) => string,
): string {
  if (badge !== undefined) writeFileSync(badge, jsonDocument(makeBadge(report, new Date())));
  const whole = { ...report, ...named };
  switch (format) {
    case "json":
      return jsonDocument(report);
    case "junit":
      return formatJunit(whole);
    case "tap":
      return formatTap(whole);
    case "html":
      return formatHtml(whole);
    case "text":
      return formatText(report);
  }
}

/** Ends the command, before anything is sent, for a format that a plan lacks or a badge that can't be written. */
export function checkFormats({ format, badge, dryRun }: FormatFlags, command: Command): void {
  if (dryRun && format !== "text" && format !== "json") {
    command.error(`error: --dry-run has no --format ${format}. Use text or json.`);
  }
  if (badge === undefined) return;
  try {
    accessSync(existsSync(badge) ? badge : dirname(badge), constants.W_OK);
  } catch (error) {
    command.error(`error: --badge can't be written: ${(error as Error).message}`);
  }
}
