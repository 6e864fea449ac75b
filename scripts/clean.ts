/** Removes what the last build made, so that a file that is gone from src/ is gone from dist/ too. */
import { rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
