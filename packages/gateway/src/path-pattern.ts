/** The names of a path's variable segments, and what stands there in a request's. */
export type PathVariables = Readonly<Record<string, string>>;

/** Says what a path has in the place of a pattern's names; `undefined` for one that does not match. */
export type PathPattern = (path: string) => PathVariables | undefined;

/**
 * A path as routes are matched against it: without dot segments, double slashes, a slash at the end, and escapes of what
 * needs none (RFC 3986, section 6.2.2). Servers disagree on all of these; a rule must hold for each spelling. What only some
 * servers read as dot segments is refused: see `hidesDotSegments`.
 */
export function normalPath(target: string): string {
  const path = withoutQuery(target);
  if (plainPath.test(path)) return path;
  const plain = path.replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
  const segments: string[] = [];
  for (const segment of plain.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}

/** A path that is normal already: no escape, and segments that are neither empty nor begin with a dot. */
const plainPath = /^(?:\/(?!\.)[^/%]+)+$/;

export function withoutQuery(target: string): string {
  const queryStart = target.indexOf("?");
  return queryStart < 0 ? target : target.slice(0, queryStart);
}

/**
 * Whether some servers see dot segments in a path where others see none, so that no rule could hold for both: behind an
 * encoded slash, a backslash, a parameter of a segment (`..;`), or a second encoding.
 */
export function hidesDotSegments(target: string): boolean {
  const path = withoutQuery(target);
  if (!/[\\;%]/.test(path)) return false;
  const plain = path.replaceAll(/%2e/gi, ".").split("/");
  let decoded = path;
  for (let round = 0; round < 3; round += 1) {
    decoded = decoded.replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) =>
      String.fromCodePoint(Number.parseInt(digits, 16)),
    );
  }
  const segments = decoded.split(/[/\\]/).map((segment) => segment.split(";", 1)[0]);
  const countDots = (list: readonly unknown[]): number => list.filter((segment) => segment === "..").length;
  return countDots(segments) > countDots(plain);
}

/**
 * Reads a route's path. Letters match in either case, as in Express and IIS: to a service that distinguishes them, another
 * case is another path, which it does not have.
 *
 * @throws Error that says what is wrong with it.
 */
export function pathPattern(template: string): PathPattern {
  if (template === "*") return () => ({});
  if (!template.startsWith("/")) throw new Error('A path begins with "/", or is "*".');
  const segments = segmentsOf(template);
  const isOpen = segments.at(-1) === "*";
  const patterns = segments.slice(0, isOpen ? -1 : undefined).map(segmentPattern);
  return (path) => {
    const given = segmentsOf(path);
    if (isOpen ? given.length < patterns.length : given.length !== patterns.length) return undefined;
    const found = patterns.map((pattern, at) => pattern(given[at]!));
    return found.includes(undefined) ? undefined : Object.fromEntries(found.flatMap((pairs) => pairs ?? []));
  };
}

const segmentsOf = (path: string): string[] => path.split("/").filter((segment) => segment !== "");

/** Matches a segment, and returns the values of the pattern's names. */
type SegmentPattern = (segment: string) => readonly (readonly [name: string, value: string])[] | undefined;

/** A segment such as `orders`, `{id}`, `{id}:cancel` or `{base}...{head}`. No name stands for nothing. */
function segmentPattern(template: string): SegmentPattern {
  // Texts and names take turns, with a text at each end.
  const parts = template.split(/\{([^{}]+)\}/);
  const texts = parts.filter((_, at) => at % 2 === 0);
  const names = parts.filter((_, at) => at % 2 === 1);
  if (texts.some((text) => /[{}*]/.test(text)) || texts.slice(1, -1).includes("")) {
    throw new Error('A segment of a path is a text, "{name}", both with a text between two names, or "*" at the end.');
  }
  const [start = "", ...later] = texts.map((text) => text.toLowerCase());
  const end = later.pop();
  if (end === undefined) return (segment) => (segment.toLowerCase() === start ? [] : undefined);
  return (segment) => {
    const lowerCase = segment.toLowerCase();
    if (!lowerCase.startsWith(start) || !lowerCase.endsWith(end)) return undefined;
    const until = segment.length - end.length;
    const values: string[] = [];
    let at = start.length;
    for (const text of later) {
      const next = lowerCase.indexOf(text, at + 1);
      if (next < 0) return undefined;
      values.push(segment.slice(at, next));
      at = next + text.length;
    }
    if (at >= until) return undefined;
    values.push(segment.slice(at, until));
    return names.map((name, index) => [name, values[index]!]);
  };
}
