import util from "node:util";

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

/** Colours where standard output is a terminal that has them, and NO_COLOR is not set; FORCE_COLOR sets them anywhere. */
export const painter: Painter = {
  strong: (text) => util.styleText("bold", text),
  faint: (text) => util.styleText("dim", text),
  good: (text) => util.styleText("green", text),
  bad: (text) => util.styleText("red", text),
};
