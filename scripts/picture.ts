/** Draws what `npm start` prints, as the picture of the README: docs/images/lab.svg. Its times differ from run to run. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

const fontSize = 14;
const lineHeight = 19;
const charWidth = 8.43;
const margin = 20;

/** The terminal's styles that our commands use (ECMA-48, SGR), as the attributes of a piece of SVG text. */
const styles: Readonly<Record<string, string>> = {
  1: 'font-weight="bold"',
  2: 'fill="#8b949e"',
  31: 'fill="#ff7b72"',
  32: 'fill="#7ee787"',
};

// oxlint-disable-next-line no-control-regex -- these are the escape codes that colour a terminal.
const pieces = /(?:\u001b\[(\d+)m)?([^\u001b]*)/g;

const printed = execFileSync(process.execPath, ["packages/tools/src/cli/main.ts", "lab"], {
  env: { ...process.env, FORCE_COLOR: "1" },
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
});
const lines = ["$ npm start", ...printed.trimEnd().split("\n")];

const rows = lines.map((line, row) => {
  const y = margin + fontSize + row * lineHeight;
  const spans = Array.from(line.matchAll(pieces), ([, style, text = ""]) => {
    return text === "" ? "" : `<tspan ${styles[style ?? ""] ?? ""}>${escaped(text)}</tspan>`;
  });
  return `<text xml:space="preserve" x="${margin}" y="${y}">${spans.join("")}</text>`;
});

// oxlint-disable-next-line no-control-regex
const columns = Math.max(...lines.map((line) => line.replaceAll(/\u001b\[\d+m/g, "").length));
const width = Math.ceil(columns * charWidth + 2 * margin);
const height = lines.length * lineHeight + 2 * margin;

writeFileSync(
  "docs/images/lab.svg",
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${fontSize}" fill="#e6edf3">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${rows.join("\n")}
</svg>
`,
);

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
