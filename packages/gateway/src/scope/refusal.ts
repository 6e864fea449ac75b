import type { HttpResponse } from "once-again/http";
import { plainProblem } from "../gateway-response.ts";

/** A refusal of a request from an unknown account. */
export function refuse(
  status: number,
  detail: string,
  headers: HttpResponse["headers"] = [],
): { refusal: HttpResponse } {
  const answer = plainProblem(status, detail);
  return { refusal: { ...answer, headers: [...answer.headers, ...headers] } };
}
