import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A disk that is small enough to be filled: a tmpfs. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  free(): void;
}

/** How often its room is looked for once more: others write meanwhile. */
const fillsMax = 20;

/** @throws Error where mounting is not allowed: it takes root, and in a container the capability SYS_ADMIN. */
export function mountSmallDisk(mebibytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), "once-again-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path], { stdio: "pipe" });
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  // Servers that run as another user have folders there.
  chmodSync(path, 0o755);
  let ballasts = 0;
  const nameOf = (ballast: number): string => join(path, `ballast-${ballast}`);
  const left = (): number => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  return {
    path,
    async fill() {
      for (let fills = 0; fills < fillsMax && left() > 0; fills += 1) {
        const size = String(left());
        // Another took some of it first.
        await promisify(execFile)("fallocate", ["-l", size, nameOf((ballasts += 1))]).catch(() => undefined);
      }
    },
    free() {
      for (; ballasts > 0; ballasts -= 1) rmSync(nameOf(ballasts), { force: true });
    },
    async [Symbol.asyncDispose]() {
      // Lazy: a file of it may still be open in a process that ends.
      execFileSync("umount", ["--lazy", path]);
      rmdirSync(path);
    },
  };
}
