/**
 * Retry budgets: of successes, and those of gRPC, AWS and Finagle.
 *
 * @module
 */
export { awsBudget, type AwsBudgetOptions } from "./aws-budget.ts";
export { finagleBudget, type FinagleBudgetOptions } from "./finagle-budget.ts";
export { grpcBudget } from "./grpc-budget.ts";
export { successBudget } from "./success-budget.ts";
