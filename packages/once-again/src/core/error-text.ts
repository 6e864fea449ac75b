/** A text for any thrown value. It never throws, and always returns a text. */
export function errorText(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const { message, name }: { message: unknown; name: unknown } = error;
    return typeof message === "string" && message !== "" ? message : String(name);
  } catch {
    return "something that can't be read";
  }
}
