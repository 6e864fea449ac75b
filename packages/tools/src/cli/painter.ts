import colors from "picocolors";

/** Gives text a look. `plainPainter` gives it none. */
export interface Painter {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

/** Leaves text as it is. */
export const plainPainter: Painter = {
  strong: (text) => text,
  faint: (text) => text,
  good: (text) => text,
  bad: (text) => text,
};

/** Colours where the terminal has them and nobody set NO_COLOR. */
export const painter: Painter = {
  strong: colors.bold,
  faint: colors.dim,
  good: colors.green,
  bad: colors.red,
};
