import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The options by which this repository is compiled: those of its `tsconfig.json`. */
export function compilerOptions(): ts.CompilerOptions {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path));
  return ts.parseJsonConfigFileContent(config, ts.sys, root).options;
}
