import { describe } from "vitest";
import { otherPlaces } from "./places.ts";
import { tryPrograms } from "./try-programs.ts";

describe("transactional, in D1", () => {
  tryPrograms(otherPlaces["d1"]!, 15);
});
describe("leased in Durable Objects, held", () => {
  tryPrograms(otherPlaces["objects-hold"]!, 6);
});
describe("leased in Durable Objects, looked up", () => {
  tryPrograms(otherPlaces["objects-look"]!, 6);
});
