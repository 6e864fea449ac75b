/** One text for each name of a record. The length of the scope says where the key begins, so no two names have the same. */
export function recordId({ scope, key }: { readonly scope: string; readonly key: string }): string {
  return `${scope.length} ${scope}${key}`;
}
