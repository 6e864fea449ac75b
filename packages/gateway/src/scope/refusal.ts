import type { HttpResponse } from "once-again/http";
import { plainProblem } from "../gateway-response.ts";

/** An answer to a request whose account is not known. */
export function refuse(
  status: number,
  detail: string,
  headers: HttpResponse["headers"] = [],
): { refusal: HttpResponse } {
  const answer = plainProblem(status, detail);
  return { refusal: { ...answer, headers: [...answer.headers, ...headers] } };
}
