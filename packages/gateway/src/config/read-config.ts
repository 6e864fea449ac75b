import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { createSecureContext } from "node:tls";
import type { z } from "zod";
import type { Certificate } from "../gateway.ts";
import { openApiRoutes } from "../openapi/openapi-routes.ts";
import type { ScopeRule } from "../scope/scope-rule.ts";
import { ConfigError, type ConfigProblem } from "./config-problem.ts";
import { configProblems } from "./config-problems.ts";
import { configSchema, type ConfigValues } from "./config-schema.ts";
import type { RouteRule } from "./route-schema.ts";
import { scopeSchema } from "./scope-schema.ts";
import { expandVariables } from "./variables.ts";
import { digestOf, type ReadFile } from "./watch-files.ts";
import { type Path, readYaml, type YamlSource } from "./yaml-source.ts";

/** Where a configuration is: in a file, in the flags of a command, or in both. */
export interface GivenConfig {
  /** YAML or JSON, with variables of the environment. Paths in it are relative to its folder. */
  readonly file?: string | undefined;
  /** Settings that count more than those of the file. */
  readonly flags: ConfigFlags;
}

/** Settings as a file would have them, each by the flag that gives it. Their paths are relative to the working folder. */
export type ConfigFlags = Readonly<Record<string, { readonly path: Path; readonly value: unknown }>>;

/** A configuration, checked, with its files read. */
export interface GatewayConfig extends Omit<ConfigValues, "openapi" | "listen"> {
  readonly listen: { readonly host: string; readonly port: number; readonly tls: Certificate | undefined };
  /** The files that it was read from: when one is another, it is to be read again. */
  readonly files: readonly ReadFile[];
}

/** A larger file can't be a configuration, bytes. */
const fileBytesMax = 64 * 1_048_576;

/** The route rule where a configuration has none: every write needs a key. */
const anyWrite: RouteRule = { methods: ["POST", "PATCH"], path: "*", keyed: "required", onUnknown: { policy: "hold" } };

/**
 * Reads and checks a configuration.
 *
 * @throws ConfigError with everything that is wrong.
 */
export function readConfig({ file, flags }: GivenConfig): GatewayConfig {
  const problems: ConfigProblem[] = [];
  const files: ReadFile[] = [];
  const read = file === undefined ? noFile : readSource(file, files, problems);
  if (read === undefined) throw new ConfigError(problems);
  const isReplaced = (path: Path): boolean =>
    Object.values(flags).some((flag) => flag.value !== undefined && flag.path.join() === path.join());
  const expanded = expandVariables(
    read.value,
    process.env,
    (path, message) => read.problemAt(path, message),
    isReplaced,
  );
  problems.push(...expanded.problems);
  const source = withFlags({ ...read, value: expanded.value }, flags, file !== undefined);
  const folder = dirname(file ?? "");
  const result = configSchema(folder).safeParse(source.value, { reportInput: true });
  if (problems.length > 0) throw new ConfigError(problems);
  if (!result.success) throw new ConfigError(configProblems(source, result.error.issues, [], expanded.secrets));

  const { openapi, listen, routes: ownRoutes, ...values } = result.data;
  const [document, cert, key] = [openapi, listen.cert, listen.key].map((path) => path && resolve(folder, path));
  const more = document ? documentRoutes(document, scopeSchema(folder), files, problems) : [anyWrite];
  const routes = [...ownRoutes, ...more];
  if (problems.length === 0 && routes.every(({ keyed }) => keyed === false)) {
    const what = document === undefined ? "routes" : "openapi";
    problems.push(source.problemAt([what], "No route takes a key: give an operation the parameter Idempotency-Key."));
  }
  const certificateProblem = (message: string): void => void problems.push(source.problemAt(["listen"], message));
  const tls = cert || key ? readCertificate(cert, key, files, certificateProblem) : undefined;
  if (problems.length > 0) throw new ConfigError(problems);
  const { host, port } = listen;
  return { ...values, routes, listen: { host, port, tls }, files };
}

const noFile: YamlSource = {
  value: {},
  problemAt: (_, message) => ({ message }),
  problemAtName: (_path, _name, message) => ({ message }),
};

/** The text of a file, which is noted as one of those that were read. */
function readText(file: string, files: ReadFile[]): string {
  const bytes = readFileSync(file);
  files.push({ path: resolve(file), digest: digestOf(bytes) });
  return bytes.toString();
}

/** The text of a file as a document; undefined, with a problem, when it can't be read. */
function readSource(file: string, files: ReadFile[], problems: ConfigProblem[]): YamlSource | undefined {
  try {
    if (statSync(file).size > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`);
    const source = readYaml(file, readText(file, files));
    if (!("problems" in source)) return source;
    problems.push(...source.problems);
  } catch (error) {
    problems.push({ file, message: `The file can't be read: ${(error as Error).message}.` });
  }
  return undefined;
}

/** A source with the settings of flags. A problem of such a setting, or of a missing one without a file, names its flag. */
function withFlags(source: YamlSource, flags: ConfigFlags, hasFile: boolean): YamlSource {
  const value = structuredClone(source.value);
  const given = Object.entries(flags).filter(([, flag]) => flag.value !== undefined);
  for (const [, { path, value: one }] of given) set(value, path, one);
  const flagAt = (path: Path): string | undefined => {
    const named = hasFile ? given : Object.entries(flags);
    return named.findLast(([, flag]) => flag.path.every((name, at) => path[at] === name))?.[0];
  };
  return {
    value,
    problemAt(path, message) {
      const flag = flagAt(path);
      return flag === undefined ? source.problemAt(path, message) : { message: `${flag}: ${message}` };
    },
    problemAtName(path, name, message) {
      const flag = flagAt([...path, name]);
      return flag === undefined ? source.problemAtName(path, name, message) : { message: `${flag}: ${message}` };
    },
  };
}

function set(root: unknown, path: Path, value: unknown): void {
  let at = root as Record<string | number, unknown>;
  if (typeof at !== "object" || at === null) return;
  for (const name of path.slice(0, -1)) {
    const next = at[name];
    if (typeof next !== "object" || next === null) at[name] = {};
    at = at[name] as Record<string, unknown>;
  }
  at[path.at(-1)!] = value;
}

function documentRoutes(
  file: string,
  scope: z.ZodType<ScopeRule>,
  files: ReadFile[],
  problems: ConfigProblem[],
): readonly RouteRule[] {
  const source = readSource(file, files, problems);
  if (source === undefined) return [];
  const { routes, problems: found } = openApiRoutes(source, scope);
  problems.push(...found);
  return routes;
}

function readCertificate(
  certFile: string | undefined,
  keyFile: string | undefined,
  files: ReadFile[],
  onProblem: (message: string) => void,
): Certificate | undefined {
  if (!certFile || !keyFile) {
    onProblem("A certificate has two files: give cert and key.");
    return undefined;
  }
  try {
    const certificate = { cert: readText(certFile, files), key: readText(keyFile, files) };
    createSecureContext(certificate);
    return certificate;
  } catch (error) {
    onProblem(`The certificate or its key can't be used: ${(error as Error).message}.`);
    return undefined;
  }
}
