/** The paths below which a document's servers have its operations: "" for the root, `/v1`. */
export function basePaths(servers: unknown): readonly string[] {
  const listed = Array.isArray(servers) ? servers.map(basePath).filter((path) => path !== undefined) : [];
  return listed.length === 0 ? [""] : [...new Set(listed)];
}

interface Server {
  readonly url?: unknown;
  readonly variables?: Readonly<Record<string, { readonly default?: string } | undefined>>;
}

/** Variables have their defaults; a relative URL is meant from the root. */
function basePath(server: unknown): string | undefined {
  const { url, variables } = (server ?? {}) as Server;
  if (typeof url !== "string") return undefined;
  const filled = url.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => variables?.[name]?.default ?? "");
  const path = URL.parse(filled, "http://relative/")?.pathname ?? "";
  return path.replace(/(?<!\/)\/+$/, "");
}
