import { errorVerdict } from "../../packages/once-again/src/delivery/index.ts";

/** The verdict on an error in short: `never`, `never for good`, `failed`, `unknown`. */
export function verdictOn(error: unknown): string {
  const { delivery, transient } = errorVerdict(error);
  return transient ? delivery : `${delivery} for good`;
}
