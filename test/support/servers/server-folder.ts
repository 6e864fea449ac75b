import { execFileSync } from "node:child_process";
import { chownSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Whom a server runs as. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The user for servers that refuse to run as root; `undefined` when we are not root. */
export function unprivilegedUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

/**
 * Makes a folder for one server, which belongs to the user that it runs as.
 *
 * @param within the folder that it is made in; default that for temporary files.
 */
export function serverFolder(name: string, user?: ServerUser, within: string = tmpdir()): string {
  const folder = mkdtempSync(join(within, `once-again-${name}-`));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}
