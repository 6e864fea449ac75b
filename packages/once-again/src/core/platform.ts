/** The oldest Node that runs this: `engines` in package.json. */
const oldest = [22, 21] as const;

/** The parts of Node's `process` that are read. Others have one, too: Bun, Deno, Cloudflare's workers, the polyfills of bundlers. */
interface NodeProcess {
  readonly release?: { readonly name?: string };
  readonly versions?: Readonly<Record<string, string | undefined>>;
}

/**
 * Says what to do about a platform that is too old; `undefined` when it is new enough. Node is judged by its version, as every
 * command is; others by a function of the language that is as old as the rest of what is used.
 */
export function platformProblem(
  surroundings: { readonly process?: unknown; readonly navigator?: unknown; readonly Promise: object } = globalThis,
): string | undefined {
  const version = nodeVersion(surroundings);
  if (version !== undefined) {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return undefined;
    return `once-again needs Node ${oldest.join(".")} or newer, and this is Node ${version}. Install a newer one: https://nodejs.org`;
  }
  if ("withResolvers" in surroundings.Promise) return undefined;
  return "once-again needs a newer browser or runtime than this: one that has Promise.withResolvers, as all have since 2024.";
}

/** The version of Node, where the platform is Node itself. */
function nodeVersion({ process, navigator }: { readonly process?: unknown; readonly navigator?: unknown }) {
  const { release, versions } = (process ?? {}) as NodeProcess;
  const { userAgent } = (navigator ?? {}) as { readonly userAgent?: string };
  const isNode = release?.name === "node" && (userAgent === undefined || userAgent.startsWith("Node.js/"));
  return isNode && versions?.["bun"] === undefined && versions?.["deno"] === undefined ? versions?.["node"] : undefined;
}
