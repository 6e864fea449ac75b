import { authScope } from "./auth-scope.ts";
import { headerScope } from "./header-scope.ts";
import { jwtScope } from "./jwt-scope.ts";
import type { OpenScope, ScopeRule } from "./scope-rule.ts";

/** Puts a rule to work. */
export function openScope(rule: ScopeRule): OpenScope {
  if (rule.by === "auth") return authScope(rule);
  const scopeOf = rule.by === "jwt" ? jwtScope(rule) : headerScope(rule);
  return { scopeOf, close: async () => undefined };
}
