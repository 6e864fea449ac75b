import { describe } from "vitest";
import { tryPrograms } from "./try-programs.ts";

describe("leased, held", () => {
  tryPrograms("hold", 60);
});
describe("leased, looked up", () => {
  tryPrograms("look", 40);
});
describe("transactional, in SQLite", () => {
  tryPrograms("sqlite", 80);
});
