import { errorText } from "../core/error-text.ts";
import type { StoreHealth } from "./store.ts";

/** A store's health by the problems that it finds. That it can't be asked is one. Never rejects. */
export async function storeHealth(findProblems: () => Promise<readonly string[]>): Promise<StoreHealth> {
  const problems = await findProblems().catch((error: unknown) => [
    `The database could not be asked: ${errorText(error)}`,
  ]);
  return { isHealthy: problems.length === 0, problems };
}
