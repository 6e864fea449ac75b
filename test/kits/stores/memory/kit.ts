import { memoryKit } from "../../../../packages/once-again/src/stores/memory/kit.ts";
import type { TestedStore } from "../../store-kit.ts";

const inProcess = "its records end with its process";

export const memory: TestedStore = {
  kit: memoryKit,
  servers: [],
  parts: async () => (await import("./parts.ts")).memoryParts,
  programs: { leased: 60, looked: 40 },
  without: { misuse: "it takes no client", crash: inProcess, operators: inProcess },
};
