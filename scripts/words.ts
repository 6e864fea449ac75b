/**
 * `npm run words`: counts words and phrases that have hidden a meaning in this repository, in names, comments and pages
 * (CONTRIBUTING.md). The counts in scripts/words.json only fall: `npm run generate` lowers them, and `--check` fails where one
 * rose.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { command, exitCodes, printJson } from "../test/support/command.ts";

const help = `npm run words -- [--check] [--list WORD] [--json]

Counts words that a reader has to read twice, and lowers the counts of scripts/words.json to those.

  --check      changes nothing; fails where a count is higher
  --list WORD  prints the lines that have a word or phrase
  --json       one JSON document

Example:
  $ npm run words -- --list "carried out"

Exit codes: 0 as it should be, 1 not, 2 wrong usage.`;

const baselineFile = "scripts/words.json";

/** A word by itself, or a part of a name in camel case. */
function word(text: string): RegExp {
  const part = text.charAt(0).toUpperCase() + text.slice(1);
  return new RegExp(String.raw`\b(?:${text}|${part})(?![a-z])|(?<=[a-z])${part}(?![a-z])`, "g");
}

const patterns: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(
    ["told", "tells", "hears", "kept", "nobody", "somebody", "whoever", "whose"].map((text) => [text, word(text)]),
  ),
  "carried out": /\bcarr(?:ied|y|ies) (?:\w+ )?out\b/gi,
  "of its own": /\bof its own\b/gi,
  "comes to": /\bcomes to\b/gi,
  "is none": /\bis none\b/gi,
  // A noun that begins a comment, such as "What the caller gets".
  What: /(?:\/\*\*|\/\/|^\s*\*)\s+What\b/g,
};

/** The user without rights, by its name in Unix. */
const unixUser = `"nobody"`;

interface Place {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** The lines with each word. */
function findWords(): Record<string, Place[]> {
  const places: Record<string, Place[]> = Object.fromEntries(Object.keys(patterns).map((name) => [name, []]));
  const files = execFileSync(
    "git",
    ["ls-files", "--", "*.ts", "*.tsx", "*.vue", "*.md", ":!examples/orms/prisma/generated"],
    { encoding: "utf8" },
  );
  for (const file of files.split("\n")) {
    if (file === "" || file === "scripts/words.ts" || file.includes("/generated/")) continue;
    for (const [index, text] of readFileSync(file, "utf8").split("\n").entries()) {
      for (const [name, pattern] of Object.entries(patterns)) {
        for (const _ of text.replaceAll(unixUser, "").matchAll(pattern))
          places[name]!.push({ file, line: index + 1, text: text.trim() });
      }
    }
  }
  return places;
}

const options = { check: { type: "boolean" }, list: { type: "string" }, json: { type: "boolean" } } as const;

await command(help, options, async ({ check = false, list, json = false }) => {
  const places = findWords();
  if (list !== undefined) {
    const found = places[list] ?? [];
    if (json) printJson(found);
    else process.stdout.write(found.map(({ file, line, text }) => `${file}:${line}: ${text}\n`).join(""));
    return exitCodes.fine;
  }
  const baseline = JSON.parse(readFileSync(baselineFile, "utf8")) as Record<string, number>;
  const counts = Object.fromEntries(Object.entries(places).map(([name, found]) => [name, found.length]));
  const risen = Object.keys(counts).filter((name) => counts[name]! > (baseline[name] ?? 0));
  if (json) printJson({ counts, baseline, risen });
  for (const name of json ? [] : risen) {
    const hint = `Find them by npm run words -- --list "${name}".`;
    process.stderr.write(`"${name}" stands ${counts[name]} times, and ${baseline[name] ?? 0} are allowed. ${hint}\n`);
  }
  if (!check) {
    const lowered = Object.keys(counts).map((name) => [name, Math.min(counts[name]!, baseline[name] ?? 0)]);
    writeFileSync(baselineFile, `${JSON.stringify(Object.fromEntries(lowered), undefined, 2)}\n`);
  }
  return risen.length > 0 ? exitCodes.bad : exitCodes.fine;
});
