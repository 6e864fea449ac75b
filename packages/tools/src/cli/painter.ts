import colors from "picocolors";
import type { Painter } from "../lab/report.ts";

/** Colours where the terminal has them and nobody set NO_COLOR. */
export const painter: Painter = {
  strong: colors.bold,
  faint: colors.dim,
  good: colors.green,
  bad: colors.red,
};
