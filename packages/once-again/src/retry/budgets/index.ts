/**
 * Retry budgets: of successes, and those of gRPC, AWS and Finagle.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { awsBudget } from "./aws-budget.ts";
export { finagleBudget } from "./finagle-budget.ts";
export { grpcBudget } from "./grpc-budget.ts";
export { successBudget } from "./success-budget.ts";
