import { describe } from "vitest";
import { tryPrograms } from "./try-programs.ts";

describe("transactional, in D1", () => {
  tryPrograms("d1", 15);
});
describe("leased in Durable Objects, held", () => {
  tryPrograms("objects-hold", 6);
});
describe("leased in Durable Objects, looked up", () => {
  tryPrograms("objects-look", 6);
});
