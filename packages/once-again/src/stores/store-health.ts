import { errorText } from "../core/error-text.ts";
import type { StoreHealth } from "./store.ts";

/**
 * A store's health by the problems that it finds. That it can't be asked is one. Never rejects.
 *
 * @param findWarnings is asked only where there is no problem.
 */
export async function storeHealth(
  findProblems: () => Promise<readonly string[]>,
  findWarnings: () => Promise<readonly string[]> = async () => [],
): Promise<StoreHealth> {
  const problems = await findProblems().catch((error: unknown) => [
    `The database could not be asked: ${errorText(error)}`,
  ]);
  if (problems.length > 0) return { isHealthy: false, problems };
  const warnings = await findWarnings().catch(() => []);
  return { isHealthy: true, problems, ...(warnings.length > 0 && { warnings }) };
}
