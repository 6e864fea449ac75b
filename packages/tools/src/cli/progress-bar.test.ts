import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { loggedProgress } from "./progress-bar.ts";

test("a stream that is no terminal gets a line every 15 seconds, and none of a short command", () => {
  let time = 1000;
  const stream = new PassThrough();
  const progress = loggedProgress(stream as unknown as NodeJS.WriteStream, "cases", () => time);
  for (let done = 0; done < 90; done += 1) {
    progress.update(done, 90);
    time += 500;
  }
  progress.stop();
  expect(String(stream.read())).toBe("30 of 90 cases\n60 of 90 cases\n");
});
