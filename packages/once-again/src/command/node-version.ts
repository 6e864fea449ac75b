/** The oldest Node that runs the commands: `engines` in package.json. */
const oldest = [22, 21] as const;

/** What to do about a version of Node that is too old, as "20.11.1" is; undefined when it is not. */
export function nodeVersionProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return undefined;
  return `once-again needs Node ${oldest.join(".")} or newer, and this is Node ${version}. Install a newer one: https://nodejs.org`;
}
