/** A command that a page has people run. */
export interface PageCommand {
  readonly page: string;
  /** As the page has it, without its comment. */
  readonly text: string;
  readonly program: "once-again" | "npm";
  /** The words behind the program, up to the end of the command. */
  readonly words: readonly string[];
}

/** The commands of a Markdown page that run something of ours: `once-again …`, `npx @once-again/gateway …`, `npm run …`. */
export function pageCommands(page: string, markdown: string): PageCommand[] {
  return codeLines(markdown).flatMap((line) => {
    const command = readCommand(line);
    return command === undefined ? [] : [{ page, ...command }];
  });
}

/** Reads one line of a terminal: a prompt, variables before the command, and a comment after it are left out. */
export function readCommand(line: string): Omit<PageCommand, "page"> | undefined {
  const [, start, rest = ""] =
    /^(?:\$ )?(?:[A-Z_]+=\S+ )*(npx @once-again\/tools|npx @once-again\/gateway|npx once-again|once-again-gateway|once-again|npm run|npm start|npm test)(?= |$)(.*)$/.exec(
      line.trim(),
    ) ?? [];
  if (start === undefined) return undefined;
  const words = shellWords(rest);
  // The words "Use `npm run`" name no script.
  if (start === "npm run" && words.length === 0) return undefined;
  const isNpm = start.startsWith("npm ");
  // The gateway's own program is a command of `once-again`, too.
  if (start.endsWith("gateway")) words.unshift("gateway");
  return {
    text: [start, ...shellWords(rest)].join(" "),
    program: isNpm ? "npm" : "once-again",
    words: start === "npm start" || start === "npm test" ? [start.slice("npm ".length), ...words] : words,
  };
}

/** The words of one command; a comment, a pipe, a redirection or another command ends it. */
function shellWords(text: string): string[] {
  const tokens = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  const end = tokens.findIndex((token) => /^(#|\||>|<|&&|;)/.test(token));
  return tokens.slice(0, end < 0 ? tokens.length : end);
}

/** Inline code, and the lines of programs; a line that a backslash ends goes on with the next one. */
function codeLines(markdown: string): string[] {
  const blocks = Array.from(markdown.matchAll(/^```(?:sh|bash|console)?\n(.*?)^```/gms), ([, code = ""]) => code);
  const prose = markdown.replaceAll(/^```.*?^```/gms, "");
  const inline = Array.from(prose.matchAll(/`([^`]+)`/g), ([, code = ""]) => code.replaceAll(/\s+/g, " "));
  return [...blocks.flatMap((code) => code.replaceAll(/\\\n\s*/g, "").split("\n")), ...inline];
}
