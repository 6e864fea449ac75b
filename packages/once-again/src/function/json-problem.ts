/** How deep a value is looked into. */
const levelsMax = 500;

/**
 * Why JSON would not give a value back as it is, as a sentence about the part that is at fault; `undefined` when it would.
 * Two differences are none: a member that is undefined is left out, and -0 is 0.
 *
 * @param name what the value is called in the sentence.
 */
export function jsonProblem(value: unknown, name: string): string | undefined {
  return problemOf(value, name, []);
}

/** @param ancestors the objects that the value is inside of. */
function problemOf(value: unknown, name: string, ancestors: object[]): string | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `${name} is ${value}`;
    case "object":
      return value === null ? undefined : problemOfObject(value, name, ancestors);
    default:
      return `${name} is ${value === undefined ? "undefined" : `a ${typeof value}`}`;
  }
}

function problemOfObject(value: object, name: string, ancestors: object[]): string | undefined {
  if (ancestors.includes(value)) return `${name} is part of itself`;
  if (ancestors.length === levelsMax) return `it is nested deeper than ${levelsMax} levels`;
  if (!isPlain(value)) return `${name} is ${instanceName(value)}`;
  const names = Object.keys(value);
  if (Array.isArray(value) && names.length !== value.length)
    return `${name} is an array with holes, or with more than items`;
  if (Object.getOwnPropertySymbols(value).length > 0) return `${name} has a member that is named by a symbol`;
  ancestors.push(value);
  for (const member of names) {
    const part: unknown = value[member as never];
    if (part === undefined && !Array.isArray(value)) continue;
    const problem = problemOf(part, Array.isArray(value) ? `${name}[${member}]` : `${name}.${member}`, ancestors);
    if (problem !== undefined) return problem;
  }
  ancestors.pop();
  return undefined;
}

/** Whether a value has no class but Object or Array, of whatever realm, or none at all. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Only the prototype of all arrays is an array itself.
  if (Array.isArray(value)) return Array.isArray(prototype);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && isTaggedObject(value));
}

/** Not so an iterator, Math, or the arguments of a function. */
function isTaggedObject(value: object): boolean {
  return Object.prototype.toString.call(value) === "[object Object]";
}

function instanceName(value: object): string {
  const { name } = (value.constructor ?? {}) as { name?: unknown };
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an instance of a class";
}
